package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/reweave/reweave/pkg/job"
)

// A soak is one world that lives long, in rounds. Each round submits some jobs, does them
// harm of all kinds, one upon the other, makes good for it, and holds every job against
// what must be. What a round does follows from the seed and its number alone, so that one
// can be done again by itself; when exactly a thing hits is the machine's.
type soak struct {
	w                *world
	toNATS, toS3     *proxy
	web              *s3proxy
	seed             uint64
	rounds, jobs     int
	cancelled        int
	times            map[string]int
	redone, may      int
	frozen           map[string]bool
	took, slowestJob time.Duration
}

// harm is one thing that a round may do. It costs so many encodes at the most.
type harm struct {
	name string
	cost int
	do   func(ctx context.Context, s *soak, rng *rand.Rand) error
}

var harms = []harm{
	{"kill -9 an encoder", 1, func(_ context.Context, s *soak, rng *rand.Rand) error { return s.w.crash(s.encoder(rng)) }},
	{"kill -9 splitter, muxer or api", 0, func(_ context.Context, s *soak, rng *rand.Rand) error {
		return s.w.crash([]string{"splitter0", "splitter1", "muxer0", "muxer1", "api0"}[rng.IntN(5)])
	}},
	{"drain an encoder", 1, func(_ context.Context, s *soak, rng *rand.Rand) error {
		name := s.encoder(rng)
		s.thaw(name)
		return errors.Join(s.w.services[name].proc.drain(), s.w.start(name))
	}},
	{"freeze an encoder", 1, func(_ context.Context, s *soak, rng *rand.Rand) error {
		name := s.encoder(rng)
		s.w.services[name].proc.signal(syscall.SIGSTOP)
		s.frozen[name] = true
		return nil
	}},
	{"kill -9 NATS", 3, func(ctx context.Context, s *soak, _ *rand.Rand) error {
		s.w.nats.kill()
		return errors.Join(rest(ctx, 300*time.Millisecond), s.w.startNATS(ctx))
	}},
	{"kill -9 S3", 3, func(ctx context.Context, s *soak, _ *rand.Rand) error {
		s.w.s3.kill()
		return errors.Join(rest(ctx, 700*time.Millisecond), s.w.startS3(ctx))
	}},
	{"cut the connections to NATS", 3, cutFor(func(s *soak) *proxy { return s.toNATS })},
	{"cut the connections to S3", 3, cutFor(func(s *soak) *proxy { return s.toS3 })},
	{"stall the connections past the lease", 3, func(ctx context.Context, s *soak, _ *rand.Rand) error {
		s.toNATS.stall()
		s.toS3.stall()
		err := rest(ctx, lease+time.Second)
		s.toNATS.mend()
		s.toS3.mend()
		return err
	}},
	{"slow the connections", 0, func(_ context.Context, s *soak, _ *rand.Rand) error {
		s.toNATS.slow(64 << 10)
		s.toS3.slow(64 << 10)
		return nil
	}},
	{"S3 answers 503 to a third", 0, s3Answers(slowDown, "")},
	{"S3 answers 503 to all for 3 s", 3, func(ctx context.Context, s *soak, _ *rand.Rand) error {
		s.web.harm(func(*http.Request) verdict { return slowDown })
		err := rest(ctx, 3*time.Second)
		s.web.harm(nil)
		return err
	}},
	{"a third of S3's answers to PUT is lost", 0, s3Answers(lost, http.MethodPut)},
	{"a third of PUTs is torn", 0, s3Answers(torn, http.MethodPut)},
	{"delete all consumers", 3, func(ctx context.Context, s *soak, _ *rand.Rand) error {
		var errs []error
		for _, stream := range []string{"JOBQ", "SEG", "MUX"} {
			_, err := s.w.deleteConsumers(ctx, stream)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}},
	{"delete a stream", 3, func(ctx context.Context, s *soak, rng *rand.Rand) error {
		name := []string{"SEG", "JOBQ", "MUX", "TASKS", "DONE", "ATTEMPTS"}[rng.IntN(6)]
		return s.w.js.DeleteStream(ctx, name)
	}},
}

func cutFor(which func(*soak) *proxy) func(context.Context, *soak, *rand.Rand) error {
	return func(ctx context.Context, s *soak, _ *rand.Rand) error {
		which(s).cut()
		err := rest(ctx, time.Second)
		which(s).mend()
		return err
	}
}

// s3Answers has a third of the requests of a method, "" for all, come to harm from now on.
func s3Answers(v verdict, method string) func(context.Context, *soak, *rand.Rand) error {
	return func(_ context.Context, s *soak, _ *rand.Rand) error {
		s.web.harm(func(r *http.Request) verdict {
			if (method == "" || r.Method == method) && rand.IntN(3) == 0 {
				return v
			}
			return pass
		})
		return nil
	}
}

func (s *soak) encoder(rng *rand.Rand) string { return fmt.Sprintf("encoder%d", rng.IntN(3)) }

func (s *soak) thaw(name string) {
	if s.frozen[name] {
		s.w.services[name].proc.signal(syscall.SIGCONT)
		delete(s.frozen, name)
	}
}

// mend takes back all harm that lasts.
func (s *soak) mend() {
	s.toNATS.mend()
	s.toS3.mend()
	s.web.harm(nil)
	for name := range s.frozen {
		s.thaw(name)
	}
}

// soak runs rounds until a time has passed, or the one round that is asked for.
func (h *harness) soak(ctx context.Context, seed uint64, only int, lasts time.Duration, out io.Writer) error {
	s := &soak{seed: seed, times: map[string]int{}, frozen: map[string]bool{}}
	var err error
	if s.toNATS, err = newProxy(); err != nil {
		return err
	}
	if s.toS3, err = newProxy(); err != nil {
		return err
	}
	if s.web, err = newS3Proxy(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.toNATS.close(), s.toS3.close(), s.web.close()) }()
	if s.w, err = h.newWorld(ctx, fleet{api: 1, splitter: 2, muxer: 2, encoder: 3, nats: s.toNATS, s3: s.toS3, web: s.web}); err != nil {
		return err
	}
	defer s.w.end()
	if err := s.w.tell("delay", "0.3"); err != nil {
		return err
	}
	begin := time.Now()
	for n := max(1, only); ctx.Err() == nil && (time.Since(begin) < lasts || only > 0); n++ {
		if err = s.round(ctx, n); err != nil {
			err = fmt.Errorf("round %d of seed %d: %w", n, seed, err)
			break
		}
		if only > 0 {
			break
		}
	}
	s.took = time.Since(begin)
	s.print(out, err)
	if err != nil {
		return errors.Join(err, errFailed)
	}
	return ctx.Err()
}

// roundOf returns what the n-th round of a seed is drawn from.
func roundOf(seed uint64, n int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(n))) //nolint:gosec // to be repeated, not to be secret
}

// round submits one to four jobs and does them two to seven kinds of harm.
func (s *soak) round(ctx context.Context, n int) error {
	rng := roundOf(s.seed, n)
	if err := s.w.forgetChunks(ctx); err != nil {
		return err
	}
	films := map[string]*film{}
	submit := func(k int) error {
		f := []*film{s.w.h.short, s.w.h.long}[rng.IntN(2)]
		id, err := s.w.submit(ctx, f, fmt.Sprintf("%s-%d-%d", s.w.dir, n, k))
		films[id] = f
		return err
	}
	jobs := 1 + rng.IntN(4)
	begin := time.Now()
	if err := submit(0); err != nil {
		return err
	}
	var did []string
	for k := range 2 + rng.IntN(6) {
		if err := rest(ctx, time.Duration(300+rng.IntN(2000))*time.Millisecond); err != nil {
			return err
		}
		h := harms[rng.IntN(len(harms))]
		did = append(did, h.name)
		s.times[h.name]++
		s.may += h.cost
		if err := errors.Join(h.do(ctx, s, rng), s.w.revive()); err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
		if k+1 < jobs {
			if err := submit(k + 1); err != nil {
				return err
			}
		}
	}
	victim := ""
	if rng.IntN(3) == 0 {
		for id := range films {
			victim = max(victim, id) // the newest
		}
	}
	s.mend()
	err := s.check(ctx, films, victim)
	s.rounds++
	s.jobs += len(films)
	s.slowestJob = max(s.slowestJob, time.Since(begin))
	fmt.Fprintf(s.w.h.out, "round %d: %d jobs, %.0f s: %s: %v\n", n, len(films), time.Since(begin).Seconds(), strings.Join(did, ", "), err)
	return err
}

// check cancels the victim, if there is one, waits for the end of all jobs, and holds each
// against what must be.
func (s *soak) check(ctx context.Context, films map[string]*film, victim string) error {
	if victim != "" {
		if j, err := s.w.api.Cancel(ctx, victim); err == nil && j.State == job.Cancelled {
			delete(films, victim)
			s.cancelled++
		} else if err != nil && !strings.Contains(err.Error(), "already") {
			return fmt.Errorf("cancel: %w", err)
		} else {
			victim = "" // it had ended
		}
	}
	for id := range films {
		if err := s.w.finish(ctx, id); err != nil {
			return err
		}
	}
	errs := []error{}
	for id, f := range films {
		errs = append(errs, s.w.intact(ctx, f, id))
		n, err := s.w.redone(id)
		s.redone += n
		errs = append(errs, err)
	}
	if victim != "" {
		errs = append(errs, s.w.clean(ctx, victim))
		films[victim] = nil
	}
	if s.redone > s.may {
		errs = append(errs, fmt.Errorf("%d encodes were redone, at most %d may be", s.redone, s.may))
	}
	return errors.Join(errs...)
}

func (s *soak) print(out io.Writer, err error) {
	fmt.Fprintf(out, "%s, seed %d, %s: %d rounds, %d jobs, %d of them cancelled; the longest round took %s; %d encodes redone of %d allowed\n\n",
		time.Now().Format(time.DateOnly), s.seed, s.took.Round(time.Second), s.rounds, s.jobs, s.cancelled, s.slowestJob.Round(time.Second), s.redone, s.may)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| fault\t| injected\t|")
	fmt.Fprintln(w, "|---\t|---\t|")
	for _, h := range harms {
		fmt.Fprintf(w, "| %s\t| %d\t|\n", h.name, s.times[h.name])
	}
	result := "every job ended as it must"
	if err != nil {
		result = "FAILED: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	fmt.Fprintf(w, "| **result**\t| %s\t|\n", result)
	_ = w.Flush()
}
