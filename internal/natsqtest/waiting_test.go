package natsqtest

import (
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/queue/natsq"
)

// A service that starts before the api has made the streams waits for it, says so once,
// and takes it for nothing that is wrong: every deployment begins so.
func TestServicesWaitForTheApi(t *testing.T) {
	d := deployed(t)
	var warned, waits list[string]
	log := testenv.Logger(t).WithOptions(zap.Hooks(func(e zapcore.Entry) error {
		if e.Level > zapcore.InfoLevel {
			warned.add(e.Message)
		} else if e.Message == "waiting for the api, which makes the streams" {
			waits.add(e.Message)
		}
		return nil
	}))
	c := natsq.Config{URL: d.ClientURL(), Inbox: "_INBOX_encoder", Existing: true, Replicas: 1, AckWait: limit}
	d.show(&c, "encoder")
	ok(t, c.Validate())
	var joining sync.WaitGroup
	joining.Go(func() {
		b, err := natsq.Connect(within(t, limit), c, log)
		if err != nil {
			t.Errorf("join: %v", err)
			return
		}
		b.Close()
	})
	eventually(t, "the encoder to wait", func() bool { return len(waits.all()) > 0 })
	join(t, d, "api", testenv.Logger(t))
	joining.Wait()
	if w := warned.all(); len(w) > 0 || len(waits.all()) != 1 {
		t.Errorf("warned of %q, waited %d times", w, len(waits.all()))
	}
}
