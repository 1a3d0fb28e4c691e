package natsq

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// The names of the streams.
const (
	streamSplit    = "JOBQ"
	streamTask     = "SEG"
	streamMux      = "MUX"
	streamTasks    = "TASKS"
	streamDone     = "DONE"
	streamAttempts = "ATTEMPTS"
	streamEvents   = "EVENTS"
)

const (
	attemptsKept = 64
	eventAge     = 30 * 24 * time.Hour
	requestAge   = 7 * 24 * time.Hour
	secretAge    = 90 * 24 * time.Hour
)

// streamConfigs returns what every stream is to be. None allows direct gets: those
// are answered by followers too, which may not know the latest write.
func streamConfigs(replicas int) []jetstream.StreamConfig {
	work := func(name, subjects string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subjects}, Replicas: replicas,
			Retention: jetstream.WorkQueuePolicy,
			// These three refuse a message while one is pending or in flight under its
			// subject: enqueueing is idempotent, without a time window.
			Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, MaxMsgsPerSubject: 1,
		}
	}
	first := func(name, subjects string, age time.Duration) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subjects}, Replicas: replicas, MaxAge: age,
			Discard: jetstream.DiscardNew, DiscardNewPerSubject: true, MaxMsgsPerSubject: 1,
		}
	}
	last := func(name string, n int64, subjects ...string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: subjects, Replicas: replicas, MaxMsgsPerSubject: n,
		}
	}
	return []jetstream.StreamConfig{
		work(streamSplit, "jobq.>"),
		work(streamTask, "seg.>"),
		work(streamMux, "mux.>"),
		first(streamDone, "done.>", 0),
		first(streamEvents, "evt.>", eventAge),
		last(streamTasks, 1, "split.>", oneClaim+">", claimedList+">", condemned),
		last(streamAttempts, attemptsKept, "try.>"),
	}
}

// setup creates or updates every stream and bucket. Several services do it at the
// same time, and a server may still be starting: what passes is tried again.
func (b *Bus) setup(ctx context.Context) error {
	said := false
	for {
		err := b.trySetup(ctx)
		if err == nil || ctx.Err() != nil || !Passing(err) && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return err
		}
		if !said {
			said = true
			b.sayWaiting(err)
		}
		if pause(ctx, 200*time.Millisecond) != nil {
			return err
		}
	}
}

// sayWaiting tells why setup does not get on. That what the api makes is not there yet is
// how every deployment begins.
func (b *Bus) sayWaiting(err error) {
	if b.cfg.Existing && (errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound)) {
		b.log.Info("waiting for the api, which makes the streams")
		return
	}
	b.log.Warn("JetStream is not ready, trying on", zap.Error(err))
}

func (b *Bus) trySetup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*askFor)
	defer cancel()
	streams := map[string]jetstream.Stream{}
	for _, cfg := range streamConfigs(b.cfg.Replicas) {
		s, err := b.stream(ctx, cfg)
		if err != nil {
			return err
		}
		streams[cfg.Name] = s
	}
	if b.streams != nil { // after a reconnection: the handles in use stay good
		streams = b.streams
	}
	kvs, err := b.buckets(ctx)
	if err != nil || b.streams != nil {
		return err
	}
	b.streams = streams
	b.jobs, b.requests, b.workers, b.encoders, b.slots, b.memory = kvs[0], kvs[1], kvs[2], kvs[3], kvs[4], kvs[5]
	return nil
}

// stream makes a stream as it is to be, or finds it where others make it.
func (b *Bus) stream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	if b.cfg.Existing {
		s, err := b.js.Stream(ctx, cfg.Name)
		return s, wrap(err, "find stream %s", cfg.Name)
	}
	s, err := b.js.CreateOrUpdateStream(ctx, cfg)
	return s, wrap(err, "create stream %s", cfg.Name)
}

// bucketConfig returns the stream that a bucket is (NATS ADR-8). The client would
// make it with direct gets, by which a job just created may not be found.
func bucketConfig(name string, age time.Duration, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"}, Replicas: replicas, MaxAge: age,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true,
	}
}

// bucket is a bucket and how long it keeps a value, 0 for ever.
type bucket struct {
	name string
	age  time.Duration
}

// bucketList are the buckets; the last two are for those alone who make them. A worker is
// forgotten with its lease.
func bucketList(lease time.Duration) []bucket {
	return []bucket{
		{"jobs", 0},
		{"requests", requestAge},
		{"workers", lease},
		{"encoders", 0},
		{"slots", 0},
		{"memory", 0},
		{secretsBucket, secretAge},
		{tenantsBucket, 0},
	}
}

// names are the names of all streams, those of the buckets among them.
func names() (all []string) {
	for _, cfg := range streamConfigs(1) {
		all = append(all, cfg.Name)
	}
	for _, c := range bucketList(0) {
		all = append(all, bucketConfig(c.name, 0, 1).Name)
	}
	return all
}

// missing reports whether an error says that there is no such stream.
func missing(err error) bool { return errors.Is(err, jetstream.ErrStreamNotFound) }

func (b *Bus) buckets(ctx context.Context) ([]jetstream.KeyValue, error) {
	var kvs []jetstream.KeyValue
	for _, c := range bucketList(b.cfg.AckWait) {
		if (c.name == secretsBucket || c.name == tenantsBucket) && b.cfg.Existing {
			continue // it is for those alone who make it
		}
		if _, err := b.stream(ctx, bucketConfig(c.name, c.age, b.cfg.Replicas)); err != nil {
			return nil, err
		}
		kv, err := b.js.KeyValue(ctx, c.name)
		if err != nil {
			return nil, fmt.Errorf("open bucket %s: %w", c.name, err)
		}
		kvs = append(kvs, kv)
	}
	return kvs, nil
}

// refused reports whether a stream refused a message because its subject has one.
// 10077 is the code of every failure to store, so the text counts.
func refused(err error) bool {
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant || // the same, of a stream with replicas
		api.ErrorCode == 10077 && api.Description == "maximum messages per subject exceeded")
}
