package natsq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/quota"
)

// tenantsBucket keeps the accounts of tenants that have limits, for the api alone.
const tenantsBucket = "tenants"

// UpdateAccount changes a tenant's account by compare-and-swap. change may run several
// times, each time on a fresh value. When it returns [ErrUnchanged] nothing is written;
// any other error of change is returned as it is.
func (b *Bus) UpdateAccount(ctx context.Context, tenant string, change func(*quota.Account) error) error {
	asking, cancel := bounded(ctx)
	defer cancel()
	kv, err := b.js.KeyValue(asking, tenantsBucket)
	if err != nil {
		return fmt.Errorf("open bucket %s: %w", tenantsBucket, err)
	}
	return swap(ctx, kv, tenant, change)
}

// Release lets a task into the queue, as [Bus.EnqueueTask] does. Where its tenant has a
// limit of slots and holds them all, it enters when one of them is free.
func (b *Bus) Release(ctx context.Context, t queue.Task) error {
	if t.Slots <= 0 {
		return b.EnqueueTask(ctx, t)
	}
	return b.updateSlots(ctx, t.Tenant, func(s *quota.Slots) []string { return s.Offer(slotOf(t), t.Slots) })
}

// Finished gives the slot of a task back that is done, and lets in those that waited for
// it. It may be called again, and must be after a crash or an error.
func (b *Bus) Finished(ctx context.Context, t queue.Task) error {
	if t.Slots <= 0 {
		return nil
	}
	return b.updateSlots(ctx, t.Tenant, func(s *quota.Slots) []string { return s.Finish(slotOf(t), t.Slots) })
}

// DropSlots gives all slots of a job back that ended. It may be called again.
func (b *Bus) DropSlots(ctx context.Context, j job.Job) error {
	if j.Slots <= 0 {
		return nil
	}
	return b.updateSlots(ctx, j.Tenant, func(s *quota.Slots) []string { return s.Drop(j.ID) })
}

func slotOf(t queue.Task) string { return t.Job + "/" + string(t.ID) }

// updateSlots changes who holds the slots of a tenant, and then lets the tasks into the
// queue that may enter by that. Who dies in between has done neither the task nor the
// sweep for which it was called: both come again, and find the same tasks.
func (b *Bus) updateSlots(ctx context.Context, tenant string, change func(*quota.Slots) []string) error {
	var enter []string
	err := swap(ctx, b.slots, tenant, func(s *quota.Slots) error {
		enter = change(s)
		return nil
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range enter {
		jobID, id, _ := strings.Cut(name, "/")
		t, found, err := b.Task(ctx, jobID, queue.TaskID(id))
		switch {
		case err == nil && found:
			err = b.EnqueueTask(ctx, t)
		case err == nil: // its job was forgotten meanwhile, and needs no slot any more
			err = b.updateSlots(ctx, tenant, func(s *quota.Slots) []string { return s.Drop(jobID) })
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// swap changes a value by compare-and-swap; where there is none, it starts with the zero
// value.
func swap[T any](ctx context.Context, kv jetstream.KeyValue, key string, change func(*T) error) error {
	if !keyRE.MatchString(key) {
		return fmt.Errorf("check key %q: not a plain key", key)
	}
	for {
		v, revision, err := valueOf[T](ctx, kv, key)
		if err != nil {
			return err
		}
		switch err := change(&v); {
		case errors.Is(err, ErrUnchanged):
			return nil
		case err != nil:
			return err
		}
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode %s: %w", key, err)
		}
		asking, cancel := bounded(ctx)
		if revision == 0 {
			_, err = kv.Create(asking, key, data)
		} else {
			_, err = kv.Update(asking, key, data, revision)
		}
		cancel()
		lost := errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
		if !lost || ctx.Err() != nil {
			return wrap(err, "update %s", key)
		}
	}
}

// valueOf reads a value and its revision: the zero value and 0 where there is none.
func valueOf[T any](ctx context.Context, kv jetstream.KeyValue, key string) (v T, revision uint64, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	entry, err := kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return v, 0, nil
	} else if err != nil {
		return v, 0, fmt.Errorf("read %s: %w", key, err)
	}
	v, err = decodeEntry[T](entry)
	return v, entry.Revision(), err
}
