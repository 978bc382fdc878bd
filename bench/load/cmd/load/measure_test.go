package main

import (
	"net"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	unaryMethod  = "/bench.Echo/Unary"
	streamMethod = "/bench.Echo/Stream"
	failMethod   = "/bench.Echo/Fail"
)

// serve starts a server that answers a unary call with 100 bytes and a stream with 3 times 100.
func serve(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 100)
	server := grpc.NewServer(grpc.ForceServerCodecV2(raw{}),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			var length int
			if err := stream.RecvMsg(&length); err != nil {
				return err
			}
			switch method, _ := grpc.MethodFromServerStream(stream); method {
			case unaryMethod:
				return stream.SendMsg(answer)
			case streamMethod:
				for range 3 {
					if err := stream.SendMsg(answer); err != nil {
						return err
					}
				}
				return nil
			default:
				return status.Error(codes.ResourceExhausted, "no")
			}
		}))
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func run(t *testing.T, method string, change func(*options)) *report {
	t.Helper()
	o := options{
		target: serve(t), method: method, request: []byte("x"), stream: method == streamMethod,
		concurrency: 4, connections: 2, deadline: time.Minute, warmup: 10 * time.Millisecond, window: 10 * time.Second, calls: 50,
		minBytes: 1, pids: []int{os.Getpid()},
	}
	if change != nil {
		change(&o)
	}
	r, err := measure(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCountsCallsAndChargesThemToTheServer(t *testing.T) {
	r := run(t, unaryMethod, nil)
	if r.Calls < 50 || r.Errors != 0 {
		t.Errorf("%d calls and %d errors, expected at least 50 and none", r.Calls, r.Errors)
	}
	if r.CPUPerCallUs <= 0 || r.RssMB <= 0 || r.P50Ms <= 0 || r.P99Ms < r.P50Ms {
		t.Errorf("implausible: %+v", r)
	}
}

func TestCountsTheMessagesOfStreams(t *testing.T) {
	if r := run(t, streamMethod, nil); r.Messages != int64(3*r.Calls) {
		t.Errorf("%d messages in %d streams, expected 3 in each", r.Messages, r.Calls)
	}
}

func TestAShortAnswerIsAnError(t *testing.T) {
	r := run(t, streamMethod, func(o *options) { o.minBytes, o.window = 301, 200*time.Millisecond })
	if r.Calls != 0 || r.Errors == 0 || r.FirstError == "" {
		t.Errorf("%d calls, %d errors, %q", r.Calls, r.Errors, r.FirstError)
	}
}

func TestAFailedCallIsAnErrorAndNoCall(t *testing.T) {
	r := run(t, failMethod, func(o *options) { o.window = 200 * time.Millisecond })
	if r.Calls != 0 || r.Errors == 0 {
		t.Errorf("%d calls and %d errors, expected none and some", r.Calls, r.Errors)
	}
}

func TestACallThatOutlivesItsDeadlineIsAnError(t *testing.T) {
	r := run(t, unaryMethod, func(o *options) { o.deadline, o.window = time.Nanosecond, 200*time.Millisecond })
	if r.Calls != 0 || r.Errors == 0 {
		t.Errorf("%d calls and %d errors, expected none and some", r.Calls, r.Errors)
	}
}

func TestQuantilesOfNothingAreZero(t *testing.T) {
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("%v, expected 0", got)
	}
}
