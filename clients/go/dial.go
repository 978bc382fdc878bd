// Package hexgate connects to a hexgate gateway and explains its errors.
//
// The messages and stubs are in hexgate.dev/go/hexgate/v1; this package is the thin face over them.
package hexgate

import (
	"context"
	_ "embed"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health" // the service config's healthCheckConfig works only with it
	"google.golang.org/grpc/keepalive"
)

// ServiceConfig is the gRPC service config every hexgate client ships: deadlines for calls that
// set none, and retries of UNAVAILABLE, which the gateway answers only when it delivered nothing.
//
//go:embed service_config.json
var ServiceConfig string

// MaxMessageBytes bounds one received message; gRPC's own default of 4 MiB is too small for images.
const MaxMessageBytes = 32 << 20

const (
	pingAfter   = 30 * time.Second // above the gateway's minimum of 10 s, below common idle cuts
	pingTimeout = 10 * time.Second
)

// Options says how to reach a gateway. The zero value is plaintext without a token.
type Options struct {
	// Token is sent as `authorization: Bearer <token>` with every call.
	Token string
	// TLS secures the connection, usually credentials.NewTLS(nil). Nil means plaintext.
	TLS credentials.TransportCredentials
	// PlaintextToken allows Token without TLS. Dial refuses that otherwise.
	PlaintextToken bool
	// Dial is applied last, so it may replace what Dial sets.
	Dial []grpc.DialOption
}

// Dial makes a connection to the gateway's public port; it connects with the first call.
// Use a `dns:///` target to spread calls over several gateways.
func Dial(target string, options Options) (*grpc.ClientConn, error) {
	transport := options.TLS
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(ServiceConfig),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(MaxMessageBytes),
			// A request that does not fit this buffer is never retried.
			grpc.MaxRetryRPCBufferSize(MaxMessageBytes),
		),
	}
	if options.Token != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(bearer{options.Token, options.PlaintextToken}))
	}
	return grpc.NewClient(target, append(dial, options.Dial...)...)
}

type bearer struct {
	token     string
	plaintext bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

// RequireTransportSecurity makes gRPC itself refuse a plaintext connection.
func (b bearer) RequireTransportSecurity() bool { return !b.plaintext }
