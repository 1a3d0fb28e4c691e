package natsq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// What jobs need of the store, and what is about to be evicted from it, lie in the stream
// of tasks: claim.<chunk>.<job> is empty, claims.<job>.<number> holds a list of chunk keys.
const (
	condemned   = "condemned" // the one list of chunks that are about to be deleted
	claimsEach  = 5000        // keys in one list: 335 kB of the message's 1 MiB
	claimReads  = 8           // questions to the server at once
	oneClaim    = "claim."
	claimedList = "claims."
)

// gate is what is condemned.
type gate struct {
	Keys []string `json:"keys,omitempty"` // none when no eviction goes on
}

// Claim says that a job needs a chunk, until it is forgotten. It may be called again.
func (b *Bus) Claim(ctx context.Context, jobID, key string) error {
	if err := errors.Join(checkJob(jobID), checkChunk(key)); err != nil {
		return err
	}
	_, err := b.offer(ctx, oneClaim+key+"."+jobID, nil)
	return wrap(err, "claim chunk %s", key)
}

// ClaimAll says that a job needs chunks, until it is forgotten, by a message for thousands.
// It replaces what the job claimed so before.
func (b *Bus) ClaimAll(ctx context.Context, jobID string, keys []string) error {
	if err := checkJob(jobID); err != nil {
		return err
	}
	n := 0
	for some := range slices.Chunk(keys, claimsEach) {
		data, err := json.Marshal(some)
		if err != nil {
			return fmt.Errorf("encode claims: %w", err)
		}
		if _, err := b.offer(ctx, claimedList+jobID+"."+strconv.Itoa(n), data); err != nil {
			return fmt.Errorf("claim %d chunks: %w", len(keys), err)
		}
		n++
	}
	return nil
}

// Claimed returns which of the chunks jobs have claimed that have not ended; of all chunks
// when keys is nil, which is only a hint where others claim at the same time. Of the named
// ones it knows every claim that was written before the call.
func (b *Bus) Claimed(ctx context.Context, keys []string) (map[string]bool, error) {
	by, err := b.claimsOf(ctx, keys)
	if err != nil {
		return nil, err
	}
	if err := b.listed(ctx, by); err != nil {
		return nil, err
	}
	claimed := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(by)) {
		j, err := b.Job(ctx, id)
		if errors.Is(err, ErrNoJob) || err == nil && j.State.Final() {
			continue // what it left is swept up by whoever finds it
		} else if err != nil {
			return nil, err
		}
		for _, key := range by[id] {
			claimed[key] = true
		}
	}
	return claimed, nil
}

// claimsOf returns what is claimed chunk by chunk, by job.
func (b *Bus) claimsOf(ctx context.Context, keys []string) (map[string][]string, error) {
	filters := []string{oneClaim + ">"}
	if keys != nil {
		filters = nil
		for _, key := range keys {
			if err := checkChunk(key); err != nil {
				return nil, err
			}
			filters = append(filters, oneClaim+key+".*")
		}
	}
	found := make([][]string, len(filters))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(claimReads)
	for i, filter := range filters {
		g.Go(func() (err error) {
			found[i], err = b.subjects(ctx, filter)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	by := map[string][]string{}
	for _, subject := range slices.Concat(found...) {
		if key, id, ok := strings.Cut(strings.TrimPrefix(subject, oneClaim), "."); ok {
			by[id] = append(by[id], key)
		}
	}
	return by, nil
}

// listed adds what jobs have claimed by lists.
func (b *Bus) listed(ctx context.Context, by map[string][]string) error {
	lists, err := b.subjects(ctx, claimedList+">")
	if err != nil {
		return err
	}
	for _, subject := range lists {
		id, _, ok := strings.Cut(strings.TrimPrefix(subject, claimedList), ".")
		if !ok {
			continue
		}
		keys, _, err := last[[]string](ctx, b.streams[streamTasks], subject) // none: the job was forgotten meanwhile
		if err != nil {
			return fmt.Errorf("read claims of job %s: %w", id, err)
		}
		by[id] = append(by[id], keys...)
	}
	return nil
}

// subjects returns the subjects under a filter that the stream of tasks has, as its leader
// knows them.
func (b *Bus) subjects(ctx context.Context, filter string) ([]string, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	info, err := b.streams[streamTasks].Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return nil, fmt.Errorf("list claims: %w", err)
	}
	return slices.Collect(maps.Keys(info.State.Subjects)), nil
}

// Condemned returns the chunks that somebody is about to delete, and a revision that changes
// whenever this does.
func (b *Bus) Condemned(ctx context.Context) (keys []string, revision uint64, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	m, err := b.streams[streamTasks].GetLastMsgForSubject(ctx, condemned)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, 0, nil
	} else if err != nil {
		return nil, 0, fmt.Errorf("read what is condemned: %w", err)
	}
	var g gate
	if err := json.Unmarshal(m.Data, &g); err != nil {
		return nil, 0, fmt.Errorf("decode what is condemned: %w", err)
	}
	return g.Keys, m.Sequence, nil
}

// Condemn says which chunks are about to be deleted, none for the end of it, and reports
// whether that is so from now on: not where another one changed it since revision.
func (b *Bus) Condemn(ctx context.Context, keys []string, revision uint64) (now uint64, won bool, err error) {
	data, err := json.Marshal(gate{Keys: keys})
	if err != nil {
		return 0, false, fmt.Errorf("encode what is condemned: %w", err)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	ack, err := b.js.Publish(ctx, condemned, data, jetstream.WithExpectLastSequencePerSubject(revision))
	if refused(err) {
		return 0, false, nil
	} else if err != nil {
		return 0, false, fmt.Errorf("condemn chunks: %w", err)
	}
	return ack.Sequence, true, nil
}

// checkChunk refuses what would not be one plain token of a subject.
func checkChunk(key string) error {
	if !tokenRE.MatchString(key) {
		return fmt.Errorf("check chunk key %q: not a plain token", key)
	}
	return nil
}
