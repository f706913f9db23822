// Grpc is a gRPC server of the test service that gRPC itself comes with. It
// speaks nothing but HTTP/2 without TLS, and knows nothing of signals. Each
// answer carries its pid as the user's name.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

type service struct {
	grpc_testing.UnimplementedTestServiceServer
}

// UnaryCall says again what it is told, or fails as it is asked to.
func (service) UnaryCall(_ context.Context, r *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	if s := r.GetResponseStatus(); s.GetCode() != 0 {
		return nil, status.Error(codes.Code(s.GetCode()), s.GetMessage())
	}
	return &grpc_testing.SimpleResponse{Payload: r.GetPayload(), Username: strconv.Itoa(os.Getpid())}, nil
}

// FullDuplexCall says again what it is told, until it is told no more.
func (service) FullDuplexCall(stream grpc_testing.TestService_FullDuplexCallServer) error {
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&grpc_testing.StreamingOutputCallResponse{Payload: r.GetPayload()}); err != nil {
			return err
		}
	}
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_testing.RegisterTestServiceServer(server, service{})
	log.Fatal(server.Serve(l))
}
