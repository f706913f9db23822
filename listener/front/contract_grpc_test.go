package front_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// chat is a call with a stream each way, which no service of the library has.
var chat = grpc.StreamDesc{StreamName: "Chat", ServerStreams: true, ClientStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
	for {
		var m wrapperspb.StringValue
		if err := s.RecvMsg(&m); errors.Is(err, io.EOF) {
			s.SetTrailer(metadata.Pairs("x-end", "said"))
			return nil
		} else if err != nil {
			return err
		}
		if err := s.SendMsg(wrapperspb.String("echo of " + m.Value)); err != nil {
			return err
		}
	}
}}

// grpcWorker serves the health service, which knows the service of that name
// alone, and Chat.
func grpcWorker(t *testing.T, name string) (addr string, h *health.Server) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	h = health.NewServer()
	h.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(srv, h)
	srv.RegisterService(&grpc.ServiceDesc{ServiceName: "test.Chat", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{chat}}, nil)
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	t.Cleanup(func() {
		srv.Stop()
		wg.Wait()
	})
	return ln.Addr().String(), h
}

func (r *rig) grpc() (*grpc.ClientConn, context.Context) {
	conn, err := grpc.NewClient("passthrough:///"+r.addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	r.Cleanup(cancel)
	return conn, ctx
}

// check asks for the health of a service and gives the status of the call.
func check(ctx context.Context, conn *grpc.ClientConn, service string) codes.Code {
	_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	return status.Code(err)
}

func TestGRPCUnary(t *testing.T) {
	r := start(t)
	addr, _ := grpcWorker(t, "a")
	r.add(1, 0, addr)
	conn, ctx := r.grpc()
	for range 20 {
		expect(t, "status", check(ctx, conn, "a"), codes.OK)
	}
	expect(t, "status of an unknown service", check(ctx, conn, "b"), codes.NotFound) // in the header alone
	for range 21 {
		expect(t, "code", r.answer().Code, 200)
	}
	expect(t, "connections", r.front.Stats().Connections, 1)
	r.awaitInFlight(1, 0)
}

func TestGRPCConcurrently(t *testing.T) {
	r := start(t)
	for id := range uint64(2) {
		addr, _ := grpcWorker(t, "a")
		r.add(id+1, int(id), addr)
	}
	conn, ctx := r.grpc()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 25 {
				expect(t, "status", check(ctx, conn, "a"), codes.OK)
			}
		})
	}
	wg.Wait()
	for id := range uint64(2) {
		if n := r.worker(id + 1).Requests; n < 100 {
			t.Errorf("worker %d got %d of 400 calls", id+1, n)
		}
	}
}

func TestGRPCServerStream(t *testing.T) {
	r := start(t)
	addr, h := grpcWorker(t, "a")
	r.add(1, 0, addr)
	conn, ctx := r.grpc()
	stream, err := healthpb.NewHealthClient(conn).Watch(ctx, &healthpb.HealthCheckRequest{Service: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []healthpb.HealthCheckResponse_ServingStatus{1, 2, 1, 2} {
		h.SetServingStatus("a", want)
		got, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "health", got.Status, want)
	}
}

func TestGRPCBothWays(t *testing.T) {
	r := start(t, short)
	addr, _ := grpcWorker(t, "a")
	r.add(1, 0, addr)
	conn, ctx := r.grpc()
	stream := talk(t, ctx, conn)
	for i := range 20 {
		say(t, stream, fmt.Sprint(i))
	}
	<-time.After(2 * shortly) // a stream may be silent for longer than any limit
	say(t, stream, strings.Repeat("large", 1<<17))
	hangUp(t, stream)
}

// A call in the hands of a retired worker finishes there; new ones go elsewhere.
func TestGRPCRetired(t *testing.T) {
	r := start(t)
	addr, _ := grpcWorker(t, "old")
	r.add(1, 0, addr)
	conn, ctx := r.grpc()
	stream := talk(t, ctx, conn)
	say(t, stream, "before")
	addr, _ = grpcWorker(t, "new")
	r.add(2, 0, addr)
	idle := r.retire(1)
	for range 10 {
		expect(t, "status of a new call", check(ctx, conn, "new"), codes.OK)
		say(t, stream, "meanwhile")
	}
	expect(t, "in flight", r.worker(1).InFlight, 1)
	select {
	case <-idle:
		t.Error("a worker in a call was told idle")
	default:
	}
	hangUp(t, stream)
	receive(t, "an idle worker", idle)
	r.front.Remove(1, nil)
	expect(t, "status after that", check(ctx, conn, "new"), codes.OK)
	expect(t, "connections", r.front.Stats().Connections, 1)
}

func TestGRPCCut(t *testing.T) {
	r := start(t)
	addr, _ := grpcWorker(t, "a")
	r.add(1, 0, addr)
	conn, ctx := r.grpc()
	stream := talk(t, ctx, conn)
	say(t, stream, "before")
	r.front.Retire(1, func() {})
	requests, _ := r.front.Cut(1)
	expect(t, "requests cut", requests, 1)
	if err := stream.RecvMsg(new(wrapperspb.StringValue)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a cut stream ended with %v", err)
	}
	expect(t, "cut", r.answer().Cut, true)
}

func talk(t *testing.T, ctx context.Context, conn *grpc.ClientConn) grpc.ClientStream {
	t.Helper()
	stream, err := conn.NewStream(ctx, &chat, "/test.Chat/Chat")
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// say sends a message and reads its echo.
func say(t *testing.T, stream grpc.ClientStream, s string) {
	t.Helper()
	if err := stream.SendMsg(wrapperspb.String(s)); err != nil {
		t.Fatal(err)
	}
	var m wrapperspb.StringValue
	if err := stream.RecvMsg(&m); err != nil {
		t.Fatal(err)
	}
	if m.Value != "echo of "+s {
		t.Errorf("the echo of %.20q is %.20q", s, m.Value)
	}
}

// hangUp ends the stream and reads how it ended.
func hangUp(t *testing.T, stream grpc.ClientStream) {
	t.Helper()
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
	expect(t, "trailer", strings.Join(stream.Trailer()["x-end"], ","), "said")
}
