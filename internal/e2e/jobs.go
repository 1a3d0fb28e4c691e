package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/plan"
)

// jobLimit bounds one job on a busy machine.
const jobLimit = 3 * time.Minute

// Submit creates a job and asks for it to be split, as the api does.
func (c *Cluster) Submit(t testing.TB, spec job.Spec) job.Job {
	t.Helper()
	return c.SubmitFor(t, spec, "", 0)
}

// SubmitFor does so for a tenant whose jobs may hold so many slots, 0 for any number.
func (c *Cluster) SubmitFor(t testing.TB, spec job.Spec, tenant string, slots int) job.Job {
	t.Helper()
	spec = spec.WithDefaults()
	if err := spec.Validate(nil, job.LocalPath); err != nil {
		t.Fatalf("check spec: %v", err)
	}
	now := time.Now().UTC()
	j, created, err := c.Bus.CreateJob(t.Context(), job.Job{
		ID: ulid.Make().String(), State: job.Queued, Spec: spec, Created: now, Updated: now, Tenant: tenant, Slots: slots,
	}, "")
	if err != nil || !created {
		t.Fatalf("create job: created %v, %v", created, err)
	}
	if err := c.Bus.EnqueueSplit(t.Context(), spec.Class, j.ID); err != nil {
		t.Fatal(err)
	}
	return j
}

// Await waits for a job's end, whatever it is.
func (c *Cluster) Await(t testing.TB, id string) job.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), jobLimit)
	defer cancel()
	var end job.Job
	err := c.Bus.WatchJobs(ctx, func(j job.Job) {
		if j.ID == id && j.State.Final() {
			end = j
			cancel()
		}
	})
	if err != nil || end.ID == "" {
		t.Fatalf("job %s did not end within %s: %v", id, jobLimit, err)
	}
	return end
}

// Encode runs a job to its end and returns it with its deliverable, which a full
// decode has found nothing wrong with.
func (c *Cluster) Encode(t testing.TB, spec job.Spec) (job.Job, string) {
	t.Helper()
	j := c.Await(t, c.Submit(t, spec).ID)
	if j.State != job.Done {
		t.Fatalf("job %s is %s: %+v", j.ID, j.State, j.Error)
	}
	out := c.Deliverable(t, j)
	DecodesCleanly(t, out)
	return j, out
}

// Deliverable fetches a job's deliverable and checks its digest.
func (c *Cluster) Deliverable(t testing.TB, j job.Job) string {
	t.Helper()
	data := c.object(t, j.Output.Key)
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != j.Output.SHA256 || int64(len(data)) != j.Output.Bytes {
		t.Errorf("the deliverable has %d bytes with digest %x, the job tells of %d with %s", len(data), sum, j.Output.Bytes, j.Output.SHA256)
	}
	path := filepath.Join(t.TempDir(), "out."+j.Spec.Container)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Manifest fetches a job's manifest.
func (c *Cluster) Manifest(t testing.TB, j job.Job) plan.Manifest {
	t.Helper()
	var m plan.Manifest
	dec := json.NewDecoder(bytes.NewReader(c.object(t, j.Output.Manifest)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("read manifest: %v", err)
	}
	return m
}

func (c *Cluster) object(t testing.TB, key string) []byte {
	t.Helper()
	r, _, err := c.Store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %s: %v", key, err)
	}
	return data
}
