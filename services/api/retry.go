package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
)

type retryInput struct {
	ID   string `path:"id" doc:"id of the job"`
	Body *struct {
		Secret job.Secret `json:"secret,omitempty" doc:"secret of the job's webhook, which is not kept behind the delivery"`
	}
}

func (s *Server) routeRetry() {
	register(s, auth.Submit, huma.Operation{
		OperationID: "retry-job", Method: http.MethodPost, Path: "/v1/jobs/{id}/retry", Tags: []string{"jobs"},
		DefaultStatus: http.StatusAccepted, Summary: "Do a job once more that failed or was cancelled",
		Description: "Makes a new job of the same settings, which finds every chunk that the first one finished. " +
			"Answers 202 with the new job; asked again, 200 with the same one.",
		Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity},
	}, s.retry)
}

// retry makes a new job of a failed one. A job's end is told once, so the new one has an
// id of its own; what ties the two is the store, where all finished chunks are. Its key is
// made of the first job's id: however often it is asked for, there is one.
func (s *Server) retry(ctx context.Context, in *retryInput) (*submitOutput, error) {
	old, err := s.job(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if old.State != job.Failed && old.State != job.Cancelled {
		hint := "wait for its end, or cancel it"
		if old.State == job.Done {
			hint = "fetch its output, or submit the same settings again"
		}
		return nil, statusError(http.StatusConflict, "not-retryable", fmt.Sprintf("job %s is %s", old.ID, old.State), hint)
	}
	spec, err := s.withSecret(ctx, old, in)
	if err != nil {
		return nil, err
	}
	who := callerOf(ctx)
	who.Tenant = old.Tenant // an admin does it in the tenant's name
	if spec, err = s.check(context.WithValue(ctx, caller{}, who), spec); err != nil {
		return nil, err
	}
	out, err := s.create(ctx, old.Tenant, spec, old.ID, "retry "+old.ID)
	if err == nil && out.Status == http.StatusOK && (out.Body.State == job.Failed || out.Body.State == job.Cancelled) {
		return s.retry(ctx, &retryInput{ID: out.Body.ID, Body: in.Body}) // that one failed, too
	}
	return out, err
}

// withSecret gives a job's webhook its secret back.
func (s *Server) withSecret(ctx context.Context, old job.Job, in *retryInput) (job.Spec, error) {
	spec := old.Spec
	if spec.Webhook == nil || !spec.Webhook.Signed {
		return spec, nil
	}
	secret, err := s.bus.Secret(ctx, old.ID)
	if err != nil {
		return spec, fmt.Errorf("retry job %s: %w", old.ID, err)
	}
	if in.Body != nil && in.Body.Secret != "" {
		secret = in.Body.Secret
	}
	if secret == "" {
		return spec, statusError(http.StatusUnprocessableEntity, "webhook-secret-needed",
			"the events of job "+old.ID+" were signed, and the secret is not kept behind their delivery", "give it again")
	}
	hook := *spec.Webhook
	hook.Secret = secret
	spec.Webhook = &hook
	return spec, nil
}
