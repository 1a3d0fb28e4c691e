package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue/natsq"
	"github.com/reweave/reweave/pkg/quota"
	"github.com/reweave/reweave/pkg/store"
)

// accountBus keeps what tenants have.
type accountBus interface {
	UpdateAccount(ctx context.Context, tenant string, change func(*quota.Account) error) error
}

const (
	// countEvery is how often at most the objects of a tenant without room are counted,
	// countAge how old a count may be anyhow.
	countEvery, countAge = 2 * time.Second, time.Hour
	// claimAge is how long a job may keep a place without being there.
	claimAge = time.Minute
	// placeAfter is when a tenant that has no place for a job may ask again. Nobody knows
	// when one of its jobs will end: they take minutes, or hours. So it is no estimate, but
	// the longest that a place stands empty beside a client that asks that often.
	placeAfter = 30 * time.Second
)

// limitsOf returns what a tenant may have at once. Where nobody is asked who they are
// there are no tenants, and so no limits.
func (s *Server) limitsOf(tenant string) quota.Limits {
	if tenant == "" || s.tokens == nil {
		return quota.Limits{}
	}
	return s.tokens.Limits(tenant, quota.Limits{Jobs: s.cfg.TenantJobs, Bytes: s.cfg.TenantBytes, Slots: s.cfg.TenantSlots})
}

// admit takes a place for a job, or says why its tenant has none. What the tenant has is
// brought up to date first: nobody tells of a job's end. A job that has been made already
// needs no place.
func (s *Server) admit(ctx context.Context, tenant, id string, l quota.Limits) error {
	if l.Jobs == 0 && l.Bytes == 0 {
		return nil
	}
	return s.account(ctx, tenant, l, func(a *quota.Account) error {
		if _, err := s.bus.Job(ctx, id); !errors.Is(err, natsq.ErrNoJob) {
			return err // nil for one that is there
		}
		if a.Full(l) {
			return errNoRoom(tenant, l)
		}
		if !a.Open(id, time.Now().UTC(), l) {
			return again(placeAfter, http.StatusTooManyRequests, "too-many-open-jobs",
				fmt.Sprintf("tenant %s has %d open jobs, as many as it may", tenant, len(a.Jobs)), "wait until one has ended, or cancel one")
		}
		return nil
	})
}

// reserve takes room for an upload of so many bytes, or corrects what was taken.
func (s *Server) reserve(ctx context.Context, tenant, id string, bytes int64) error {
	l := s.limitsOf(tenant)
	if l.Bytes == 0 {
		return nil
	}
	return s.account(ctx, tenant, l, func(a *quota.Account) error {
		if !a.Store(quota.Upload(id), bytes, l) {
			return errNoRoom(tenant, l)
		}
		return nil
	})
}

// release gives the room of an upload back.
func (s *Server) release(ctx context.Context, tenant, id string) error {
	if s.limitsOf(tenant).Bytes == 0 {
		return nil
	}
	return s.bus.UpdateAccount(ctx, tenant, func(a *quota.Account) error {
		a.Free(quota.Upload(id))
		return nil
	})
}

// errFull says that there is no room, as far as was counted last.
type errFull struct{ error }

func (e errFull) Unwrap() error { return e.error }

func errNoRoom(tenant string, l quota.Limits) error {
	return errFull{statusError(http.StatusInsufficientStorage, "storage-limit",
		fmt.Sprintf("tenant %s may have %d bytes stored, and there is no room for more", tenant, l.Bytes), "delete uploads or deliverables that are not needed any more")}
}

// account changes what a tenant has, brought up to date. Where there is no room, the
// objects themselves are counted, and it is tried once more: some may be gone.
func (s *Server) account(ctx context.Context, tenant string, l quota.Limits, change func(*quota.Account) error) error {
	var refused error
	err := s.bus.UpdateAccount(ctx, tenant, func(a *quota.Account) error {
		before := a.Counted
		if l.Bytes > 0 && time.Since(a.Counted) > countAge { // it may have had no limit before
			if err := s.count(ctx, tenant, a); err != nil {
				return err
			}
		}
		if err := s.settle(ctx, a); err != nil {
			return err
		}
		refused = change(a)
		if _, full := errors.AsType[errFull](refused); full && time.Since(a.Counted) > countEvery {
			if err := s.count(ctx, tenant, a); err != nil {
				return err
			}
			refused = change(a)
		}
		if refused != nil && a.Counted.Equal(before) {
			return natsq.ErrUnchanged
		}
		return nil
	})
	return errors.Join(err, refused)
}

// settle closes the jobs that ended, and notes what they stored.
func (s *Server) settle(ctx context.Context, a *quota.Account) error {
	for id, since := range a.Jobs {
		switch j, err := s.bus.Job(ctx, id); {
		case errors.Is(err, natsq.ErrNoJob):
			if time.Since(since) > claimAge { // whoever took the place died before it made the job
				a.Close(id)
			}
		case err != nil:
			return err
		case j.State.Final():
			a.Close(id)
			if j.Output != nil {
				a.Set(quota.Deliverable(id), j.Output.Bytes)
			}
		}
	}
	return nil
}

// count counts a tenant's objects.
func (s *Server) count(ctx context.Context, tenant string, a *quota.Account) error {
	objects := map[string]int64{}
	prefix := strings.TrimSuffix(store.UploadKey(tenant, "", ""), "/") // without an id
	for info, err := range s.store.List(ctx, prefix) {
		if err != nil {
			return fmt.Errorf("count uploads: %w", err)
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(info.Key, prefix), "/")
		objects[quota.Upload(id)] += info.Size
	}
	jobs, err := s.bus.Jobs(ctx)
	if err != nil {
		return fmt.Errorf("count deliverables: %w", err)
	}
	there, err := s.deliverables(ctx, tenant, jobs)
	if err != nil {
		return err
	}
	for _, j := range there {
		objects[quota.Deliverable(j.ID)] = j.Output.Bytes
	}
	now := time.Now().UTC()
	a.Count(objects, now, func(id string) bool {
		u, err := ulid.ParseStrict(id)
		return err == nil && now.Sub(u.Timestamp()) < s.cfg.UploadTTL
	})
	return nil
}

// deliverables returns those of the tenant's jobs whose deliverable is still stored.
func (s *Server) deliverables(ctx context.Context, tenant string, jobs []job.Job) (there []job.Job, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	found := make([]bool, len(jobs))
	for i, j := range jobs {
		if j.Tenant != tenant || j.Output == nil {
			continue
		}
		g.Go(func() error {
			_, err := s.store.Stat(ctx, j.Output.Key)
			found[i] = err == nil
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("count deliverables: %w", err)
	}
	for i, j := range jobs {
		if found[i] {
			there = append(there, j)
		}
	}
	return there, nil
}
