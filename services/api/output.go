package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
)

type outputInput struct {
	ID     string `path:"id" doc:"id of the job"`
	Direct bool   `query:"direct" doc:"stream the deliverable through the API, instead of a redirect to the store"`
}

func (s *Server) routeOutput() {
	binary := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	register(s, auth.Read, huma.Operation{
		OperationID: "get-output", Method: http.MethodGet, Path: "/v1/jobs/{id}/output", Tags: []string{"jobs"},
		Summary: "Fetch the deliverable", Errors: []int{http.StatusNotFound, http.StatusConflict},
		Description: "Redirects to a presigned URL, or streams with direct=1. Both take ranges.",
		Responses: map[string]*huma.Response{
			"200": {Description: "The deliverable, with direct=1", Content: map[string]*huma.MediaType{"application/octet-stream": binary}},
			"206": {Description: "A range of the deliverable, with direct=1"},
			"302": {Description: "A presigned URL of the deliverable", Headers: map[string]*huma.Param{"Location": {Schema: &huma.Schema{Type: huma.TypeString}}}},
		},
	}, s.output)
	register(s, auth.Read, huma.Operation{
		OperationID: "get-manifest", Method: http.MethodGet, Path: "/v1/jobs/{id}/manifest", Tags: []string{"jobs"},
		Summary: "Fetch the deliverable's manifest", Errors: []int{http.StatusNotFound, http.StatusConflict},
		Responses: map[string]*huma.Response{
			"200": {Description: "The manifest", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}}},
		},
	}, s.manifest)
	register(s, auth.Read, huma.Operation{
		OperationID: "get-plan", Method: http.MethodGet, Path: "/v1/jobs/{id}/plan", Tags: []string{"jobs"},
		Summary: "Fetch the plan of a job whose source is split", Errors: []int{http.StatusNotFound, http.StatusConflict},
		Responses: map[string]*huma.Response{
			"200": {Description: "The plan", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}}},
		},
	}, s.plan)
	register(s, auth.Read, huma.Operation{
		OperationID: "find-manifest", Method: http.MethodGet, Path: "/v1/manifests/{sha256}", Tags: []string{"jobs"},
		Summary: "Find the manifest of a deliverable by its digest", Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		Responses: map[string]*huma.Response{
			"200": {Description: "The manifest", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}}},
		},
	}, s.manifestOf)
	register(s, auth.Read, huma.Operation{
		OperationID: "find-source", Method: http.MethodGet, Path: "/v1/manifests/{sha256}/source", Tags: []string{"jobs"},
		Summary: "Tell what a deliverable was made from", Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, s.sourceOf)
}

// sourceOf tells what a deliverable was made from.
func (s *Server) sourceOf(ctx context.Context, in *manifestRef) (*sourceOutput, error) {
	r, info, err := s.store.Get(ctx, store.SourceKey(callerOf(ctx).Tenant, in.SHA256))
	if errors.Is(err, store.ErrNotFound) {
		return nil, statusError(http.StatusNotFound, "no-known-source", "it is not known what the deliverable "+in.SHA256[:16]+"… was made from", "name its source")
	} else if err != nil {
		return nil, fmt.Errorf("find a source: %w", err)
	}
	defer r.Close()
	out := &sourceOutput{}
	return out, json.NewDecoder(io.LimitReader(r, info.Size)).Decode(&out.Body)
}

type sourceOutput struct{ Body job.SourceNote }

type manifestRef struct {
	SHA256 string `path:"sha256" pattern:"^[0-9a-f]{64}$" doc:"digest of the deliverable's bytes, in lower-case hexadecimal"`
}

// manifestOf finds a deliverable by its bytes.
func (s *Server) manifestOf(ctx context.Context, in *manifestRef) (*huma.StreamResponse, error) {
	key := store.ManifestKey(callerOf(ctx).Tenant, in.SHA256)
	info, err := s.store.Stat(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNotMade(in.SHA256)
	} else if err != nil {
		return nil, fmt.Errorf("find manifest: %w", err)
	}
	b, err := store.Read(ctx, s.store, key, info.Meta["sha256"])
	if err != nil {
		return nil, gone("with the deliverable "+in.SHA256[:16]+"…", err)
	}
	return jsonBody(b), nil
}

func errNotMade(sum string) error {
	return statusError(http.StatusNotFound, "no-such-deliverable", "no deliverable with the digest "+sum+" was made here",
		"name the job that made it, or encode its source here first")
}

// finished reads a job and its output, or says why there is none.
func (s *Server) finished(ctx context.Context, id string) (job.Job, error) {
	j, err := s.job(ctx, id)
	if err != nil {
		return j, err
	}
	if j.State != job.Done || j.Output == nil {
		hint := "wait until it is done; see GET /v1/jobs/" + id + "/events"
		if j.State.Final() {
			hint = "submit it again"
		}
		return j, statusError(http.StatusConflict, "no-output", fmt.Sprintf("job %s has no output, it is %s", id, j.State), hint)
	}
	return j, nil
}

func (s *Server) output(ctx context.Context, in *outputInput) (*huma.StreamResponse, error) {
	j, err := s.finished(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	name := outputName(j.Spec)
	if !in.Direct {
		url, err := s.store.PresignGet(ctx, j.Output.Key, name, s.cfg.OutputTTL)
		if err != nil {
			return nil, fmt.Errorf("presign output: %w", err)
		}
		return &huma.StreamResponse{Body: func(hctx huma.Context) {
			r, w := humago.Unwrap(hctx)
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, url, http.StatusFound)
		}}, nil
	}
	if _, err := s.store.Stat(ctx, j.Output.Key); err != nil {
		return nil, gone(j.ID, err)
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		h := w.Header()
		h.Set("Content-Type", mediaTypes[j.Spec.Container])
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
		h.Set("ETag", `"`+j.Output.SHA256+`"`)
		obj := &object{ctx: hctx.Context(), store: s.store, key: j.Output.Key, size: j.Output.Bytes}
		defer obj.close()
		http.ServeContent(w, r, name, time.Time{}, obj)
		if obj.err != nil {
			s.log.Warn("stream output", zap.String("job", j.ID), zap.Error(obj.err))
			// The length that was announced can't be kept: break the connection.
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

func (s *Server) manifest(ctx context.Context, in *jobRef) (*huma.StreamResponse, error) {
	j, err := s.finished(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	b, err := store.Read(ctx, s.store, j.Output.Manifest, j.Output.ManifestSHA256)
	if err != nil {
		return nil, gone(j.ID, err)
	}
	return jsonBody(b), nil
}

// plan returns a job's plan. One that was lost is made again before the job is done.
func (s *Server) plan(ctx context.Context, in *jobRef) (*huma.StreamResponse, error) {
	j, err := s.job(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	none := statusError(http.StatusConflict, "no-plan", fmt.Sprintf("job %s has no plan, it is %s", j.ID, j.State), "wait until its source is split")
	if j.Plan == "" {
		return nil, none
	}
	b, err := store.Read(ctx, s.store, j.Plan, j.PlanSHA256)
	switch {
	case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDigest):
		return nil, none
	case err != nil:
		return nil, fmt.Errorf("open plan: %w", err)
	}
	return jsonBody(b), nil
}

func jsonBody(b []byte) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		hctx.SetHeader("Content-Type", "application/json")
		hctx.SetStatus(http.StatusOK)
		_, _ = hctx.BodyWriter().Write(b) // a client that is gone needs no answer
	}}
}

// gone tells of an output that somebody deleted from the store.
func gone(id string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return statusError(http.StatusNotFound, "output-gone", "the output of job "+id+" is not in the store any more", "submit it again")
	}
	if errors.Is(err, store.ErrDigest) {
		return statusError(http.StatusInternalServerError, "output-damaged", "the stored output of job "+id+" is not what was stored",
			"submit it again: its chunks are reused")
	}
	return fmt.Errorf("open output: %w", err)
}

var mediaTypes = map[string]string{
	"mp4": "video/mp4", "mov": "video/quicktime", "mkv": "video/x-matroska", "ivf": "application/octet-stream",
}

// outputName is the name a browser offers to save a deliverable under.
func outputName(spec job.Spec) string {
	name := sanitise(spec.Name)
	return strings.TrimSuffix(name, path.Ext(name)) + "." + spec.Container
}
