package integration

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// TestGRPC replaces a worker that speaks HTTP/2 without TLS, under calls of one
// client on one connection: none fails, a stream that is open stays with its
// worker until it ends, and one that does not end is cut at the drain timeout.
// A client whose worker has crashed is told.
func TestGRPC(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := start(t, []string{"-w", "1", "--accept", "front", "--drain-timeout", "3s", "--", buildServer(t, "grpc")},
		withEnv(fmt.Sprintf("PORT=%d", port)))
	p.awaitKind("pool ready", 1)
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", port), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := grpc_testing.NewTestServiceClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	worker := func() string {
		t.Helper()
		r, err := client.UnaryCall(ctx, &grpc_testing.SimpleRequest{Payload: payload("unary")})
		if err != nil || string(r.GetPayload().GetBody()) != "unary" {
			t.Fatalf("the call was answered with %v, %v", r, err)
		}
		return r.GetUsername()
	}
	exchange := func(stream grpc_testing.TestService_FullDuplexCallClient, text string) {
		t.Helper()
		if err := stream.Send(&grpc_testing.StreamingOutputCallRequest{Payload: payload(text)}); err != nil {
			t.Fatalf("cannot send %q: %v", text, err)
		}
		if r, err := stream.Recv(); err != nil || string(r.GetPayload().GetBody()) != text {
			t.Fatalf("%q was answered with %v, %v", text, r, err)
		}
	}
	open := func() grpc_testing.TestService_FullDuplexCallClient {
		t.Helper()
		stream, err := client.FullDuplexCall(ctx)
		if err != nil {
			t.Fatal(err)
		}
		exchange(stream, "before")
		return stream
	}
	before := worker()
	_, err = client.UnaryCall(ctx, &grpc_testing.SimpleRequest{
		ResponseStatus: &grpc_testing.EchoStatus{Code: int32(codes.AlreadyExists), Message: "on purpose"}})
	if got := status.Convert(err); got.Code() != codes.AlreadyExists || got.Message() != "on purpose" {
		t.Errorf("a call that fails on purpose failed with %v", err)
	}

	halt := callOn(t, ctx, client)
	stream := open()
	p.signal(syscall.SIGHUP)
	p.awaitKind("worker draining", 1)
	exchange(stream, "meanwhile")
	if after := worker(); after == before {
		t.Errorf("a call went to the worker that drains")
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("the stream ended with %v", err)
	}
	p.awaitKind("roll done", 1)
	p.isCut(0, 0)

	stream = open()
	p.signal(syscall.SIGHUP)
	began := p.awaitKind("worker draining", 2).time()
	if _, err := stream.Recv(); err == nil || err == io.EOF {
		t.Errorf("a stream that was cut ended with %v", err)
	} else if took := time.Since(began); took < 3*time.Second || ctx.Err() != nil {
		t.Errorf("a stream was cut after %v (%v)", took, err)
	}
	p.awaitKind("roll done", 2)
	halt()
	p.isCut(1, 0)
	p.neverBelow(1)

	stream = open()
	if err := syscall.Kill(p.workers()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err == nil || err == io.EOF || ctx.Err() != nil {
		t.Errorf("a stream whose worker was killed ended with %v", err)
	}
	p.awaitKind("worker crashed", 1)
	worker() // waits until there is one again
}

func payload(text string) *grpc_testing.Payload {
	return &grpc_testing.Payload{Body: []byte(text)}
}

// callOn keeps calling from a few goroutines until halt, which checks that no
// call failed.
func callOn(t *testing.T, ctx context.Context, client grpc_testing.TestServiceClient) (halt func()) {
	t.Helper()
	var calls, stop atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for stop.Load() == 0 && ctx.Err() == nil {
				if _, err := client.UnaryCall(ctx, &grpc_testing.SimpleRequest{}); err != nil {
					t.Errorf("a call failed: %v", err)
				}
				calls.Add(1)
			}
		})
	}
	halt = sync.OnceFunc(func() {
		stop.Store(1)
		group.Wait()
		t.Logf("%d calls", calls.Load())
	})
	t.Cleanup(halt)
	return halt
}
