package natsqtest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/oklog/ulid/v2"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/job"
)

// backup is a stream as JetStream gives it away: what it is, and its content in pieces.
type backup struct {
	about  map[string]json.RawMessage
	pieces [][]byte
}

// admin is the connection of whoever runs the server.
func (d *deployment) admin(t *testing.T) *nats.Conn {
	t.Helper()
	nc := must(nats.Connect(d.ClientURL(), d.shown(t, "admin"), nats.CustomInboxPrefix("_INBOX_admin")))(t)
	t.Cleanup(nc.Close)
	return nc
}

// asks sends a request to JetStream and returns the answer, which must be no error.
func asks(t *testing.T, nc *nats.Conn, subject string, body any) (answer map[string]json.RawMessage) {
	t.Helper()
	text, raw := body.([]byte)
	if !raw {
		text = must(json.Marshal(body))(t)
	}
	m := must(nc.RequestWithContext(within(t, limit), subject, text))(t)
	ok(t, json.Unmarshal(m.Data, &answer))
	if err := answer["error"]; err != nil {
		t.Fatalf("%s: %s", subject, err)
	}
	return answer
}

// save takes a backup of a stream, as "nats stream backup" does.
func save(t *testing.T, nc *nats.Conn, stream string) (b backup) {
	t.Helper()
	to := nc.NewInbox()
	sub := must(nc.SubscribeSync(to))(t)
	// One small piece at a time: each but the last waits for the answer to the one before.
	b.about = asks(t, nc, "$JS.API.STREAM.SNAPSHOT."+stream, map[string]any{"deliver_subject": to, "chunk_size": 1024, "window_size": 1024})
	for {
		m := must(sub.NextMsgWithContext(within(t, limit)))(t)
		if len(m.Data) == 0 {
			if said := m.Header.Get("Status"); said != "" && said != "204" || len(b.pieces) < 2 {
				t.Fatalf("the backup ends with %q after %d pieces", said, len(b.pieces))
			}
			return b
		}
		b.pieces = append(b.pieces, m.Data)
		if m.Reply != "" { // all but the last piece
			ok(t, m.Respond(nil))
		}
	}
}

// restore puts a backup back, as "nats stream restore" does.
func (b backup) restore(t *testing.T, nc *nats.Conn, stream string) {
	t.Helper()
	answer := asks(t, nc, "$JS.API.STREAM.RESTORE."+stream, map[string]any{"config": b.about["config"], "state": b.about["state"]})
	var to string
	ok(t, json.Unmarshal(answer["deliver_subject"], &to))
	for _, p := range b.pieces {
		must(nc.RequestWithContext(within(t, limit), to, p))(t)
	}
	asks(t, nc, to, []byte{})
}

// The admin's key is enough to take the list of jobs from one server to another, and for no
// work: it neither submits nor finishes jobs, and reads no secrets but in a backup.
func TestTheAdminBacksUpAndRestores(t *testing.T) { inEachMode(t, adminBacksUpAndRestores) }

func adminBacksUpAndRestores(t *testing.T, d *deployment) {
	t.Helper()
	api := join(t, d, "api", testenv.Logger(t))
	var j job.Job
	for range 20 { // of text that can't be packed, so that there are several pieces
		var err error
		j, _, err = api.CreateJob(t.Context(), job.Job{
			ID: ulid.Make().String(), State: job.Failed, Created: time.Now(), Spec: job.Spec{Source: rand.Text() + rand.Text() + rand.Text()},
		}, "")
		ok(t, err)
	}
	saved := save(t, d.admin(t), "KV_jobs")

	other := deployed(t)
	saved.restore(t, other.admin(t), "KV_jobs")
	got, err := join(t, other, "api", testenv.Logger(t)).Job(t.Context(), j.ID)
	if err != nil || got.ID != j.ID || got.State != job.Failed || got.Spec.Source != j.Spec.Source {
		t.Errorf("restored: %+v, %v", got, err)
	}
	for _, subject := range []string{
		"jobq.normal." + j.ID, "done." + j.ID + ".v0", "$KV.jobs." + j.ID, "cancel." + j.ID,
		"$JS.API.STREAM.MSG.GET.KV_secrets", "$JS.API.STREAM.DELETE.SEG", "$JS.API.STREAM.UPDATE.SEG", "$JS.API.CONSUMER.CREATE.KV_jobs.x",
	} {
		if err := deny(t, d, "admin", func(nc *nats.Conn) error { return nc.Publish(subject, []byte("x")) }); !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("the admin publishes %s: %v", subject, err)
		}
	}
}
