package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/reweave/reweave/pkg/faultpoint"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// cancelBus is how a job is ended from outside.
type cancelBus interface {
	UpdateJob(ctx context.Context, id string, change func(*job.Job) error) (job.Job, error)
	PublishCancel(jobID string)
	PurgeWork(ctx context.Context, jobID string) error
}

// errFinal says that a job ended before it could be cancelled.
var errFinal = errors.New("job is final")

// cancel makes the job cancelled, tells the workers, and takes its work from the
// queues. What follows the change of state is done again when the request is
// repeated, so an api that dies in between leaves nothing behind for ever.
func (s *Server) cancel(ctx context.Context, in *jobRef) (*jobOutput, error) {
	if !job.ValidID(in.ID) {
		return nil, noJob(in.ID)
	}
	now := time.Now().UTC()
	var before job.Job
	j, err := s.bus.UpdateJob(ctx, in.ID, func(j *job.Job) error {
		before = *j
		if _, err := seen(ctx, *j); err != nil {
			return err
		}
		switch {
		case j.State == job.Cancelled:
			return natsq.ErrUnchanged
		case j.State.Final():
			return errFinal
		}
		j.State, j.Finished = job.Cancelled, &now
		return nil
	})
	switch {
	case errors.Is(err, errFinal):
		return nil, statusError(http.StatusConflict, "job-is-final",
			fmt.Sprintf("job %s is %s already", in.ID, before.State), "submit it again for another run")
	case err != nil:
		return nil, orNoJob(in.ID, fmt.Errorf("cancel job: %w", err))
	}
	faultpoint.Hit("api.after-cancel-cas")
	s.bus.PublishCancel(in.ID)
	if err := s.bus.PurgeWork(ctx, in.ID); err != nil {
		return nil, fmt.Errorf("stop the work of job %s: %w", in.ID, err)
	}
	s.announce(ctx, j, job.EventCancelled)
	return &jobOutput{Body: j.Shown()}, nil
}
