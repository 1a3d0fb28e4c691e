package cli

import (
	"context"

	"github.com/reweave/reweave/pkg/fault"
)

func serveObjects(context.Context, string, string, string, string) error {
	return &fault.Error{Class: fault.Permanent, Type: "not-built", Title: "this build can't run the S3 server alone"}
}
