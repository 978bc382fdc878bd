package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	hexgate "hexgate.dev/go"
	pb "hexgate.dev/go/hexgate/v1"
)

// operate does what operators do, on the admin port: it takes a target out of rotation and back, and
// asks where a call would go.
func operate(ctx context.Context, address string) error {
	conn, err := hexgate.Dial(address, hexgate.Options{
		Token:          os.Getenv("HEXGATE_TOKEN"),
		PlaintextToken: true, // as above
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	client := pb.NewAdminServiceClient(conn)
	wish := &pb.SetTargetStateRequest{
		Target: "sim/spare",
		State:  pb.TargetState_TARGET_STATE_DRAINING,
		Ttl:    durationpb.New(time.Minute),
		Reason: "an example",
	}
	if _, err = client.SetTargetState(ctx, wish); err != nil {
		return fmt.Errorf("admin: %w", hexgate.Explain(err))
	}
	listed, err := client.ListTargets(ctx, &pb.ListTargetsRequest{})
	if err != nil {
		return fmt.Errorf("admin: %w", hexgate.Explain(err))
	}
	spare := slices.IndexFunc(listed.GetTargets(), func(one *pb.TargetStatus) bool { return one.GetTarget() == wish.Target })
	if spare < 0 || listed.GetTargets()[spare].GetState() != wish.State || listed.GetTargets()[spare].GetEnableTime() == nil {
		return fmt.Errorf("admin: %s is not draining for a while: %v", wish.Target, listed)
	}
	back, err := client.SetTargetState(ctx, &pb.SetTargetStateRequest{
		Target: wish.Target,
		State:  pb.TargetState_TARGET_STATE_ENABLED,
	})
	if err != nil {
		return fmt.Errorf("admin: %w", hexgate.Explain(err))
	}
	if back.GetStatus().GetState() != pb.TargetState_TARGET_STATE_ENABLED {
		return fmt.Errorf("admin: %s is not back: %v", wish.Target, back)
	}
	route, err := client.ExplainRoute(ctx, &pb.ExplainRouteRequest{Spec: ask("sim/sim-echo", "Hello, gateway!")})
	if err != nil {
		return fmt.Errorf("admin: %w", hexgate.Explain(err))
	}
	if len(route.GetCandidates()) == 0 {
		return fmt.Errorf("admin: a call would go nowhere: %v", route)
	}
	keys, err := client.ListProviderKeys(ctx, &pb.ListProviderKeysRequest{})
	if err != nil {
		return fmt.Errorf("admin: %w", hexgate.Explain(err))
	}
	fmt.Printf("admin: %d targets, %d keys, a call would go to %s\n",
		len(listed.GetTargets()), len(keys.GetKeys()), route.GetCandidates()[0].GetTarget())
	return nil
}
