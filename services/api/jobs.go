package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/reweave/reweave/pkg/auth"
	"github.com/reweave/reweave/pkg/job"
)

// jobBus is how jobs are made and read.
type jobBus interface {
	ClaimJob(ctx context.Context, id, idempotencyKey string) (string, error)
	CreateJob(ctx context.Context, j job.Job, idempotencyKey string) (job.Job, bool, error)
	Job(ctx context.Context, id string) (job.Job, error)
	Jobs(ctx context.Context) ([]job.Job, error)
	EnqueueSplit(ctx context.Context, class job.Class, jobID string) error
	PublishEvent(ctx context.Context, j job.Job, eventType string) error
	PutSecret(ctx context.Context, jobID string, s job.Secret) error
	Secret(ctx context.Context, jobID string) (job.Secret, error)
	DoneCount(ctx context.Context, jobID string) (int, error)
}

type jobRef struct {
	ID string `path:"id" doc:"id of the job"`
}

type jobOutput struct{ Body job.Job }

type submitInput struct {
	Key         string `header:"Idempotency-Key" maxLength:"255" doc:"the same key again answers the same job"`
	ContentType string `header:"Content-Type" hidden:"true"`
	// RawBody and not Body: huma would fill in defaults by itself, and package job
	// could not tell any more what was asked for.
	RawBody []byte `contentType:"application/json"`
}

type submitOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     job.Job
}

func (s *Server) routeJobs() {
	body := &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
	register(s, auth.Submit, huma.Operation{
		OperationID: "submit-job", Method: http.MethodPost, Path: "/v1/jobs", Tags: []string{"jobs"},
		DefaultStatus: http.StatusAccepted, Summary: "Submit a job",
		Description: "Answers 202 with the new job, or 200 with the job that was made by the same Idempotency-Key before.",
		RequestBody: body, SkipValidateBody: true,
		Errors: []int{http.StatusBadRequest, http.StatusInsufficientStorage, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity},
	}, s.submit)
	schemas := s.api.OpenAPI().Components.Schemas
	body.Content["application/json"] = &huma.MediaType{Schema: schemas.Schema(reflect.TypeFor[job.Spec](), true, "Spec")}
	schemas.Map()["Spec"].Required = []string{"source"}
	s.api.OpenAPI().Paths["/v1/jobs"].Post.Responses["200"] = &huma.Response{
		Description: "The job that the same Idempotency-Key made before",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: schemas.Schema(reflect.TypeFor[job.Job](), true, "Job")},
		},
	}
	register(s, auth.Read, huma.Operation{
		OperationID: "list-jobs", Method: http.MethodGet, Path: "/v1/jobs", Tags: []string{"jobs"},
		Summary: "List jobs, the newest first", Errors: []int{http.StatusUnprocessableEntity},
	}, s.list)
	register(s, auth.Read, huma.Operation{
		OperationID: "get-job", Method: http.MethodGet, Path: "/v1/jobs/{id}", Tags: []string{"jobs"},
		Summary: "Tell of a job", Errors: []int{http.StatusNotFound},
	}, s.get)
	register(s, auth.Submit, huma.Operation{
		OperationID: "cancel-job", Method: http.MethodPost, Path: "/v1/jobs/{id}/cancel", Tags: []string{"jobs"},
		Summary:     "Cancel a job",
		Description: "Ends a job that is not done or failed. May be repeated.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, s.cancel)
	s.routeRetry()
}

type listInput struct {
	State  string `query:"state" enum:"queued,splitting,encoding,muxing,done,failed,cancelled" doc:"only jobs in this state"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	Cursor string `query:"cursor" doc:"next of the page before"`
}

type jobPage struct {
	Jobs []job.Job `json:"jobs"`
	Next string    `json:"next,omitempty" doc:"cursor of the next page; absent on the last"`
}

type listOutput struct{ Body jobPage }

func (s *Server) list(ctx context.Context, in *listInput) (*listOutput, error) {
	all, err := s.bus.Jobs(ctx)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	who := callerOf(ctx)
	all = slices.DeleteFunc(all, func(j job.Job) bool { return !who.Sees(j.Tenant) })
	page := pageOf(all, *in)
	for i, j := range page.Jobs {
		page.Jobs[i] = j.Shown()
	}
	return &listOutput{Body: page}, nil
}

// pageOf picks a page of the jobs. Ids are ULIDs, so they sort by time; the cursor is
// the last id of the page before, which need not exist any more.
func pageOf(all []job.Job, in listInput) jobPage {
	picked := make([]job.Job, 0, len(all))
	for _, j := range all {
		if (in.State == "" || string(j.State) == in.State) && (in.Cursor == "" || j.ID < in.Cursor) {
			picked = append(picked, j)
		}
	}
	slices.SortFunc(picked, func(a, b job.Job) int { return strings.Compare(b.ID, a.ID) })
	if len(picked) <= in.Limit {
		return jobPage{Jobs: picked}
	}
	return jobPage{Jobs: picked[:in.Limit], Next: picked[in.Limit-1].ID}
}

func (s *Server) get(ctx context.Context, in *jobRef) (*jobOutput, error) {
	j, err := s.job(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if j.State == job.Encoding { // the count is kept with the chunks until the end
		done, err := s.bus.DoneCount(ctx, in.ID)
		if err != nil {
			return nil, fmt.Errorf("count chunks: %w", err)
		}
		j.Chunks.Encoded = max(0, min(done, j.Chunks.Total)-j.Chunks.Reused)
	}
	return &jobOutput{Body: j.Shown()}, nil
}

// job reads a job that the caller may see; what is no id at all never reaches the bus.
func (s *Server) job(ctx context.Context, id string) (job.Job, error) {
	if !job.ValidID(id) {
		return job.Job{}, noJob(id)
	}
	j, err := s.bus.Job(ctx, id)
	if err != nil {
		return job.Job{}, orNoJob(id, fmt.Errorf("read job: %w", err))
	}
	return seen(ctx, j)
}
