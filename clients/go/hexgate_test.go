package hexgate_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	hexgate "hexgate.dev/go"
	pb "hexgate.dev/go/hexgate/v1"
)

// scripted answers each Complete with the next error of its script, then with success.
type scripted struct {
	pb.UnimplementedCompletionServiceServer
	mu       sync.Mutex
	script   []error
	pushback string
	tokens   []string
	left     time.Duration // until the deadline of the newest call
}

func (s *scripted) Complete(ctx context.Context, _ *pb.CompleteRequest) (*pb.CompleteResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if deadline, ok := ctx.Deadline(); ok {
		s.left = time.Until(deadline)
	}
	headers, _ := metadata.FromIncomingContext(ctx)
	s.tokens = append(s.tokens, headers.Get("authorization")...)
	if len(s.script) == 0 {
		return &pb.CompleteResponse{ResponseId: "r-1"}, nil
	}
	if s.pushback != "" {
		if err := grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", s.pushback)); err != nil {
			return nil, err
		}
	}
	next := s.script[0]
	s.script = s.script[1:]
	return nil, next
}

func (s *scripted) rest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.script)
}

func serve(t *testing.T, service *scripted) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterCompletionServiceServer(server, service)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func complete(t *testing.T, address string, options hexgate.Options) error {
	t.Helper()
	conn, err := hexgate.Dial(address, options)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err = pb.NewCompletionServiceClient(conn).Complete(ctx, &pb.CompleteRequest{})
	return err
}

func detailed(t *testing.T, code codes.Code, details ...protoadapt.MessageV1) error {
	t.Helper()
	state, err := status.New(code, "no").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return state.Err()
}

func TestExplainReadsEveryDetail(t *testing.T) {
	problem := hexgate.Explain(detailed(t, codes.InvalidArgument,
		&errdetails.ErrorInfo{Reason: "INVALID_REQUEST", Domain: "hexgate", Metadata: map[string]string{"k": "v"}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "spec.model", Description: "must be set", Reason: "REQUIRED"},
		}},
		&pb.CompletionFailure{ResponseId: "r-1", LastSequence: 7},
	))
	if problem.Code != codes.InvalidArgument || problem.Reason != "INVALID_REQUEST" || problem.Message != "no" {
		t.Errorf("found %v", problem)
	}
	if problem.Metadata["k"] != "v" || problem.RetryAfter == nil || *problem.RetryAfter != 1500*time.Millisecond {
		t.Errorf("found metadata %v, retry after %v", problem.Metadata, problem.RetryAfter)
	}
	want := []hexgate.Violation{{Field: "spec.model", Description: "must be set", Reason: "REQUIRED"}}
	if !slices.Equal(problem.Violations, want) {
		t.Errorf("found violations %v", problem.Violations)
	}
	if problem.Failure.GetResponseId() != "r-1" || problem.Failure.GetLastSequence() != 7 {
		t.Errorf("found failure %v", problem.Failure)
	}
	if problem.Error() != "InvalidArgument: INVALID_REQUEST: no" {
		t.Errorf("found %q", problem.Error())
	}
}

func TestExplainTakesNoReasonFromAnotherDomain(t *testing.T) {
	problem := hexgate.Explain(detailed(t, codes.Unavailable,
		&errdetails.ErrorInfo{Reason: "MESH_DOWN", Domain: "mesh.example", Metadata: map[string]string{"k": "v"}}))
	if problem.Reason != "" || len(problem.Metadata) != 0 || problem.RetryAfter != nil {
		t.Errorf("found %+v", problem)
	}
}

func TestExplainGivesEveryErrorACode(t *testing.T) {
	if hexgate.Explain(nil) != nil {
		t.Error("a nil error has no problem")
	}
	for err, want := range map[error]codes.Code{
		errors.New("odd"):        codes.Unknown,
		context.Canceled:         codes.Canceled,
		context.DeadlineExceeded: codes.DeadlineExceeded,
	} {
		if found := hexgate.Explain(err); found.Code != want || found.Reason != "" {
			t.Errorf("%v: found %v, expected %v", err, found, want)
		}
	}
}

func TestRetriesOnlyUnavailable(t *testing.T) {
	down := status.Error(codes.Unavailable, "down")
	for name, test := range map[string]struct {
		script   []error
		pushback string
		code     codes.Code
		left     int
	}{
		"twice, then served":       {[]error{down, down}, "1", codes.OK, 0},
		"no more than 3 attempts":  {[]error{down, down, down, down}, "1", codes.Unavailable, 1},
		"not against the pushback": {[]error{down, down}, "-1", codes.Unavailable, 1},
		"nothing else": {
			[]error{status.Error(codes.ResourceExhausted, "slow"), down}, "", codes.ResourceExhausted, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			service := &scripted{script: test.script, pushback: test.pushback}
			err := complete(t, serve(t, service), hexgate.Options{})
			if status.Code(err) != test.code || service.rest() != test.left {
				t.Errorf("found %v with %d answers left, expected %v with %d",
					err, service.rest(), test.code, test.left)
			}
		})
	}
}

func TestATokenIsRefusedInPlaintextUnlessAllowed(t *testing.T) {
	service := &scripted{}
	address := serve(t, service)
	if err := complete(t, address, hexgate.Options{Token: "secret"}); err == nil || len(service.tokens) != 0 {
		t.Errorf("found error %v and tokens %v", err, service.tokens)
	}
	if err := complete(t, address, hexgate.Options{Token: "secret", PlaintextToken: true}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(service.tokens, []string{"Bearer secret"}) {
		t.Errorf("found tokens %v", service.tokens)
	}
}

func TestACallWithoutADeadlineGetsOne(t *testing.T) {
	service := &scripted{}
	conn, err := hexgate.Dial(serve(t, service), hexgate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := pb.NewCompletionServiceClient(conn).Complete(context.Background(), &pb.CompleteRequest{}); err != nil {
		t.Fatal(err)
	}
	if service.left < 500*time.Second || service.left > 600*time.Second {
		t.Errorf("found %s, expected just under 600 s", service.left)
	}
}
