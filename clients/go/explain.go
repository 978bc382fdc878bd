package hexgate

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hexgatev1 "hexgate.dev/go/hexgate/v1"
)

// Domain marks the google.rpc.ErrorInfo that hexgate itself attached.
const Domain = "hexgate"

// Violation is one bad field of a request.
type Violation struct {
	// Field is the path, such as `spec.messages[0].role`.
	Field string
	// Description says what was expected, for people.
	Description string
	// Reason is an UPPER_SNAKE word, for machines.
	Reason string
}

// Problem is everything a gateway says about a failed call.
type Problem struct {
	// Code is the gRPC status code; decide by it when Reason is unknown.
	Code codes.Code
	// Reason is a name of hexgatev1.ErrorReason without its prefix. It is empty when the failure is
	// the transport's own and the gateway never answered.
	Reason string
	// Message is for people.
	Message string
	// Metadata holds every dynamic value of Message. Never nil.
	Metadata map[string]string
	// RetryAfter is how long to wait before repeating the call. Nil means do not repeat it because
	// of this answer alone.
	RetryAfter *time.Duration
	// Violations are the bad fields of an INVALID_ARGUMENT.
	Violations []Violation
	// Failure tells what was tried, delivered and spent, when a provider was involved.
	Failure *hexgatev1.CompletionFailure
}

// Error makes a Problem an error in its own right.
func (p *Problem) Error() string {
	reason := p.Reason
	if reason == "" {
		reason = "TRANSPORT"
	}
	return fmt.Sprintf("%s: %s: %s", p.Code, reason, p.Message)
}

// Explain reads the status of a failed call; nil for a nil error. Errors that carry no status
// come back as UNKNOWN, those of a context as CANCELLED or DEADLINE_EXCEEDED.
func Explain(err error) *Problem {
	if err == nil {
		return nil
	}
	state, ok := status.FromError(err)
	if !ok {
		state = status.FromContextError(err)
	}
	problem := &Problem{Code: state.Code(), Message: state.Message(), Metadata: map[string]string{}}
	for _, detail := range state.Details() {
		problem.add(detail)
	}
	return problem
}

func (p *Problem) add(detail any) {
	switch d := detail.(type) {
	case *errdetails.ErrorInfo:
		if d.GetDomain() != Domain {
			return
		}
		p.Reason = d.GetReason()
		for key, value := range d.GetMetadata() {
			p.Metadata[key] = value
		}
	case *errdetails.RetryInfo:
		delay := d.GetRetryDelay().AsDuration()
		p.RetryAfter = &delay
	case *errdetails.BadRequest:
		for _, v := range d.GetFieldViolations() {
			p.Violations = append(p.Violations, Violation{v.GetField(), v.GetDescription(), v.GetReason()})
		}
	case *hexgatev1.CompletionFailure:
		p.Failure = d
	}
}
