package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/faultpoint"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/store"
)

func (s *Server) submit(ctx context.Context, in *submitInput) (*submitOutput, error) {
	spec, err := decodeSpec(in.ContentType, in.RawBody)
	if err != nil {
		return nil, err
	}
	if spec, err = s.check(ctx, spec); err != nil {
		return nil, err
	}
	return s.create(ctx, callerOf(ctx).Tenant, spec, "", in.Key)
}

// create makes a job of a Spec that was checked, or finds the one that the same key made.
// retryOf names the job that it does once more, "" for none.
func (s *Server) create(ctx context.Context, tenant string, spec job.Spec, retryOf, key string) (*submitOutput, error) {
	spec, secret := spec.TakeSecret() // before the job is kept anywhere
	now := time.Now().UTC()
	if key != "" && tenant != "" { // two tenants may choose the same one
		key = tenant + "\x00" + key
	}
	id, err := s.bus.ClaimJob(ctx, ulid.Make().String(), key)
	if err != nil {
		return nil, fmt.Errorf("create job: %w", err)
	}
	limits := s.limitsOf(tenant)
	if err := s.admit(ctx, tenant, id, limits); err != nil {
		return nil, err
	}
	j, created, err := s.bus.CreateJob(ctx, job.Job{
		ID: id, State: job.Queued, Tenant: tenant, RetryOf: retryOf, Spec: spec, Builds: maps.Clone(spec.Builds),
		Created: now, Updated: now, Slots: limits.Slots,
	}, "")
	if err != nil {
		return nil, fmt.Errorf("create job: %w", err)
	}
	if !created && !reflect.DeepEqual(j.Spec, spec) {
		return nil, statusError(http.StatusUnprocessableEntity, "idempotency-mismatch",
			"this Idempotency-Key made another job before", "use a new key for a new job")
	}
	if secret != "" && !j.State.Final() {
		if err := s.bus.PutSecret(ctx, j.ID, secret); err != nil {
			return nil, fmt.Errorf("submit job: %w", err)
		}
	}
	// The message goes out again for a job that still waits: whoever created it may
	// have died before. A second one is refused or does nothing.
	faultpoint.Hit("api.after-create")
	if j.State == job.Queued {
		if err := s.bus.EnqueueSplit(ctx, j.Spec.Class, j.ID); err != nil {
			return nil, fmt.Errorf("enqueue job %s: %w", j.ID, err)
		}
	}
	faultpoint.Hit("api.after-enqueue")
	out := &submitOutput{Status: http.StatusOK, Location: s.url("/v1/jobs/" + j.ID), Body: j.Shown()}
	if created {
		out.Status = http.StatusAccepted
		s.announce(ctx, j, job.EventQueued)
	}
	return out, nil
}

// announce publishes an event about a job. One that gets lost does no harm here: the
// state of the job is what counts.
func (s *Server) announce(ctx context.Context, j job.Job, event string) {
	if err := s.bus.PublishEvent(ctx, j, event); err != nil {
		s.log.Warn("publish event", zap.String("job", j.ID), zap.String("type", event), zap.Error(err))
	}
}

// decodeSpec reads a Spec as strictly as the schema: unknown fields are mistakes.
func decodeSpec(contentType string, body []byte) (spec job.Spec, err error) {
	// Also what keeps pages of other sites from posting forms to a local server.
	if t, _, err := mime.ParseMediaType(contentType); err != nil || t != "application/json" {
		return spec, newError(http.StatusUnsupportedMediaType, fmt.Sprintf("the Content-Type is %q", contentType))
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err = dec.Decode(&spec); err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			return spec, newError(http.StatusBadRequest, "there is more than one value in the body")
		}
		return spec, nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return spec, newError(http.StatusUnprocessableEntity, "", &huma.ErrorDetail{
			Location: "body." + wrong.Field, Message: fmt.Sprintf("want %s, have a %s", wrong.Type, wrong.Value),
		})
	}
	// encoding/json has no type for this error.
	if field, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return spec, newError(http.StatusUnprocessableEntity, "", &huma.ErrorDetail{
			Location: "body", Message: "there is no field " + field,
		})
	}
	return spec, newError(http.StatusBadRequest, err.Error())
}

// check fills in defaults and refuses what can't work.
func (s *Server) check(ctx context.Context, spec job.Spec) (job.Spec, error) {
	available, err := s.available(ctx)
	if err != nil {
		return spec, err
	}
	var also []job.SourceKind
	if s.cfg.LocalPaths && callerOf(ctx).May(auth.Admin) {
		also = append(also, job.LocalPath, job.Stdin)
	}
	if s.cfg.PlainHTTP {
		also = append(also, job.PlainHTTP)
	}
	if err := spec.WithDefaults().Validate(available, also...); err != nil {
		return spec, err
	}
	if err := s.checkBuilds(ctx, spec); err != nil {
		return spec, err
	}
	if err := s.checkWebhook(spec); err != nil {
		return spec, err
	}
	if spec, err = s.findSource(ctx, spec); err != nil {
		return spec, err
	}
	for i, e := range spec.Edits {
		found, err := s.findSource(ctx, job.Spec{Source: e.Source, Name: e.Name})
		if err != nil {
			return spec, err
		}
		spec.Edits[i].Name = found.Name
	}
	return spec.WithDefaults().WithShownNames(), nil
}

// available returns the encoders that workers have, with the presets of all builds.
func (s *Server) available(ctx context.Context) (map[string][]string, error) {
	encoders, err := s.bus.Encoders(ctx)
	if err != nil {
		return nil, fmt.Errorf("list encoders: %w", err)
	}
	have := map[string][]string{}
	for _, e := range encoders {
		have[e.Name] = append(have[e.Name], e.Presets...)
	}
	for name, presets := range have {
		seen := map[string]bool{}
		have[name] = slices.DeleteFunc(presets, func(p string) bool {
			defer func() { seen[p] = true }()
			return seen[p]
		})
	}
	return have, nil
}

// checkBuilds refuses a job that would wait for an encoder build that nobody has.
func (s *Server) checkBuilds(ctx context.Context, spec job.Spec) error {
	if len(spec.Builds) == 0 {
		return nil
	}
	encoders, err := s.bus.Encoders(ctx)
	if err != nil {
		return fmt.Errorf("list encoders: %w", err)
	}
	for name, build := range spec.Builds {
		if !slices.ContainsFunc(encoders, func(e queue.Encoder) bool { return e.Name == name && e.Build == build }) {
			return fault.Userf("other-build", "builds."+name, "no worker has the build "+build+" of "+name,
				"use a worker with the ffmpeg that made it, or leave builds out to encode every chunk anew")
		}
	}
	return nil
}

// findSource looks for what can be looked for cheaply: uploads and local files. It
// names the source after the upload where no name was given.
func (s *Server) findSource(ctx context.Context, spec job.Spec) (job.Spec, error) {
	switch job.KindOf(spec.Source) {
	case job.Upload:
		id, _ := spec.UploadID()
		for info, err := range s.store.List(ctx, store.UploadKey(callerOf(ctx).Tenant, id, "")) {
			if err != nil {
				return spec, fmt.Errorf("look for upload: %w", err)
			}
			if spec.Name == "" {
				spec.Name = path.Base(info.Key)
			}
			// What was sent may be more than what was promised.
			return spec, s.reserve(ctx, callerOf(ctx).Tenant, id, info.Size)
		}
		return spec, fault.Userf("no-such-upload", "source", "there is no upload "+id, "send the file first; see POST /v1/uploads")
	case job.LocalPath:
		switch info, err := os.Stat(spec.Source); {
		case err != nil:
			e := fault.Userf("no-such-source", "source", "the source can't be opened", "check the path and its permissions")
			e.Err = err
			return spec, e
		case info.IsDir():
			return spec, fault.Userf("no-such-source", "source", spec.Source+" is a directory", "give a file")
		}
	}
	return spec, nil
}
