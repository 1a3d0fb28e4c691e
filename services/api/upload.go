package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/oklog/ulid/v2"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/store"
)

const (
	mib = 1 << 20
	// singleLimit is the largest upload that is one PUT.
	singleLimit = 64 * mib
	// minPart keeps requests few; wantParts keeps the answer small and a part worth
	// sending again; maxPart stays below S3's limit of 5 GiB.
	minPart, wantParts, maxPart = 16 * mib, 1000, 4096 * mib
	// maxUpload is S3's limit on the size of an object.
	maxUpload = 5 << 40
)

// part is one part of a multipart upload.
type part struct {
	Number int    `json:"number" doc:"from 1"`
	URL    string `json:"url" doc:"PUT the part's bytes here and keep the answer's ETag"`
}

// upload tells a client where to send a file.
type upload struct {
	ID          string `json:"id"`
	Source      string `json:"source" doc:"what a job names this upload by"`
	Name        string `json:"name" doc:"the name as it is kept"`
	Method      string `json:"method" enum:"single,multipart"`
	URL         string `json:"url,omitempty" doc:"where to PUT the whole file, where method is single"`
	PartSize    int64  `json:"part_size,omitempty" doc:"bytes of every part but the last"`
	Parts       []part `json:"parts,omitempty"`
	CompleteURL string `json:"complete_url" doc:"POST here when everything is sent; relative to the API where it has no host"`
	AbortURL    string `json:"abort_url" doc:"DELETE this to drop the upload"`
}

type createUploadInput struct {
	Body struct {
		Name string `json:"name" doc:"file name" minLength:"1" maxLength:"1024"`
		Size int64  `json:"size" doc:"size in bytes" minimum:"1" maximum:"5497558138880"`
	}
}

type uploadOutput struct{ Body upload }

// UploadRef is what the URLs of an upload carry, so that no replica has to remember
// it. Nothing in it is secret or trusted: it only ever reaches keys below the id.
// It is exported because huma looks into exported embedded structs only.
type UploadRef struct {
	ID        string `path:"id" doc:"id of the upload"`
	Name      string `query:"name" doc:"name as POST /v1/uploads answered it"`
	Size      int64  `query:"size" minimum:"0" doc:"size in bytes; checked where it is given"`
	Multipart string `query:"multipart" doc:"the store's id of a multipart upload"`
}

// key is where the upload lies; it is always below the caller's own tenant.
func (r UploadRef) key(ctx context.Context) string {
	return store.UploadKey(callerOf(ctx).Tenant, r.ID, sanitise(r.Name))
}

func (r UploadRef) query() string {
	q := url.Values{"name": {r.Name}, "size": {strconv.FormatInt(r.Size, 10)}}
	if r.Multipart != "" {
		q.Set("multipart", r.Multipart)
	}
	return "?" + q.Encode()
}

func (s *Server) routeUploads() {
	register(s, auth.Submit, huma.Operation{
		OperationID: "create-upload", Method: http.MethodPost, Path: "/v1/uploads",
		DefaultStatus: http.StatusCreated, Summary: "Begin an upload", Tags: []string{"uploads"},
		Description: "Answers presigned URLs: one to PUT the file to, or one for each part of a large file.",
		Errors:      []int{http.StatusUnprocessableEntity, http.StatusInsufficientStorage},
	}, s.createUpload)
	register(s, auth.Submit, huma.Operation{
		OperationID: "complete-upload", Method: http.MethodPost, Path: "/v1/uploads/{id}/complete",
		Summary: "Finish an upload", Tags: []string{"uploads"},
		Description: "Joins the parts and checks the size. May be repeated.",
		Errors:      []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInsufficientStorage},
	}, s.completeUpload)
	register(s, auth.Submit, huma.Operation{
		OperationID: "delete-upload", Method: http.MethodDelete, Path: "/v1/uploads/{id}",
		DefaultStatus: http.StatusNoContent, Summary: "Drop an upload", Tags: []string{"uploads"},
		Errors: []int{http.StatusNotFound},
	}, s.deleteUpload)
}

func (s *Server) createUpload(ctx context.Context, in *createUploadInput) (*uploadOutput, error) {
	ref := UploadRef{ID: ulid.Make().String(), Name: sanitise(in.Body.Name), Size: in.Body.Size}
	up := upload{ID: ref.ID, Source: "upload:" + ref.ID, Name: ref.Name, Method: "single"}
	err := s.reserve(ctx, callerOf(ctx).Tenant, ref.ID, ref.Size)
	if err != nil {
		return nil, err
	}
	if in.Body.Size <= singleLimit {
		if up.URL, err = s.store.PresignPut(ctx, ref.key(ctx), s.cfg.UploadTTL); err != nil {
			return nil, fmt.Errorf("presign upload: %w", err)
		}
	} else if err = s.createMultipart(ctx, &ref, &up); err != nil {
		return nil, err
	}
	base := s.url("/v1/uploads/" + ref.ID)
	up.CompleteURL, up.AbortURL = base+"/complete"+ref.query(), base+ref.query()
	return &uploadOutput{Body: up}, nil
}

func (s *Server) createMultipart(ctx context.Context, ref *UploadRef, up *upload) (err error) {
	up.Method, up.PartSize = "multipart", partSize(ref.Size)
	if ref.Multipart, err = s.store.CreateMultipart(ctx, ref.key(ctx)); err != nil {
		return fmt.Errorf("begin multipart upload: %w", err)
	}
	up.Parts = make([]part, (ref.Size+up.PartSize-1)/up.PartSize)
	for i := range up.Parts {
		u, err := s.store.PresignPart(ctx, ref.key(ctx), ref.Multipart, i+1, s.cfg.UploadTTL)
		if err != nil {
			return fmt.Errorf("presign part %d: %w", i+1, err)
		}
		up.Parts[i] = part{Number: i + 1, URL: u}
	}
	return nil
}

// partSize returns the size of the parts of an upload: whole MiB, about wantParts.
func partSize(size int64) int64 {
	p := (size/wantParts + mib) / mib * mib
	return min(max(p, minPart), maxPart)
}

type completeUploadInput struct {
	UploadRef
	Body *struct {
		ETags []string `json:"etags,omitempty" maxItems:"10000" doc:"the parts' ETags in order, for a multipart upload"`
	}
}

type completedUpload struct {
	Source string `json:"source" doc:"what a job names this upload by"`
	Name   string `json:"name"`
	Size   int64  `json:"size"`
}

type completedUploadOutput struct{ Body completedUpload }

func (s *Server) completeUpload(ctx context.Context, in *completeUploadInput) (*completedUploadOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	info, err := s.store.Stat(ctx, in.key(ctx))
	// What is there already was completed by a request whose answer got lost.
	if errors.Is(err, store.ErrNotFound) && in.Multipart != "" {
		var etags []string
		if in.Body != nil {
			etags = in.Body.ETags
		}
		if len(etags) == 0 {
			return nil, statusError(http.StatusUnprocessableEntity, "missing-etags", "a multipart upload needs its parts' ETags", "send them as etags, in order")
		}
		if err = s.store.CompleteMultipart(ctx, in.key(ctx), in.Multipart, etags); err == nil {
			info, err = s.store.Stat(ctx, in.key(ctx))
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, statusError(http.StatusNotFound, "no-such-upload", "nothing was sent for upload "+in.ID, "PUT the file to its URL first")
	case err != nil:
		return nil, fmt.Errorf("complete upload: %w", err)
	case in.Size > 0 && info.Size != in.Size:
		return nil, statusError(http.StatusUnprocessableEntity, "upload-incomplete",
			fmt.Sprintf("upload %s has %d bytes, not %d", in.ID, info.Size, in.Size), "send it again")
	}
	if err := s.reserve(ctx, callerOf(ctx).Tenant, in.ID, info.Size); err != nil {
		return nil, err
	}
	return &completedUploadOutput{Body: completedUpload{
		Source: "upload:" + in.ID, Name: path.Base(in.key(ctx)), Size: info.Size,
	}}, nil
}

type noOutput struct{}

func (s *Server) deleteUpload(ctx context.Context, in *UploadRef) (*noOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if in.Multipart != "" {
		if err := s.store.AbortMultipart(ctx, in.key(ctx), in.Multipart); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("abort multipart upload: %w", err)
		}
	}
	var keys []string
	for info, err := range s.store.List(ctx, store.UploadKey(callerOf(ctx).Tenant, in.ID, "")) {
		if err != nil {
			return nil, fmt.Errorf("list upload: %w", err)
		}
		keys = append(keys, info.Key)
	}
	if err := s.store.Delete(ctx, keys...); err != nil {
		return nil, fmt.Errorf("delete upload: %w", err)
	}
	if err := s.release(ctx, callerOf(ctx).Tenant, in.ID); err != nil {
		return nil, fmt.Errorf("delete upload: %w", err)
	}
	return &noOutput{}, nil
}

// sanitise makes a file name of what a user called a file: its last path element,
// of letters, digits and a few signs, at most 200 bytes. It is idempotent.
func sanitise(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-+@()", r)) {
			return r
		}
		return '_'
	}, name)
	name = strings.TrimLeft(name, ".")
	for len(name) > 200 {
		// The end is kept: it tells the format.
		_, first := utf8.DecodeRuneInString(name)
		name = strings.TrimLeft(name[first:], ".")
	}
	if strings.Trim(name, "_") == "" {
		return "source"
	}
	return name
}

// check refuses what is no id of an upload before it becomes part of a key.
func (r UploadRef) check() error {
	if !job.ValidID(r.ID) {
		return statusError(http.StatusNotFound, "no-such-upload", "there is no upload "+strconv.Quote(r.ID), "begin one by POST /v1/uploads")
	}
	return nil
}
