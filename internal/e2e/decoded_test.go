package e2e_test

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
	"github.com/reweave/reweave/pkg/queue"
)

// TestTasksTellHowTheirFramesAreDecoded wants each task to name the pixel format that its
// segment has: where it is that of the chunk, the encoder hashes without another copy.
func TestTasksTellHowTheirFramesAreDecoded(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264"}})
	tasks := make(chan *nats.Msg, 64)
	if _, err := c.Bus.Conn().ChanSubscribe("split.>", tasks); err != nil {
		t.Fatal(err)
	}
	if err := c.Bus.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	for decoded, chunk := range map[string]string{"yuv420p": "yuv420p", "gray10le": "gray10le", "bgr0": "yuv444p"} {
		src := testenv.Media(t, "a.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1", "-pix_fmt", decoded, "-c:v", "ffv1")
		j, _ := c.Encode(t, lossless(src))
		for range j.Chunks.Total {
			var task queue.Task
			if err := json.Unmarshal((<-tasks).Data, &task); err != nil {
				t.Fatal(err)
			}
			if task.Job != j.ID || task.Decoded != decoded || task.Recipe.Picture.PixFmt != chunk {
				t.Errorf("%s: %s, decoded to %q, becomes %q; want %q", decoded, task.ID, task.Decoded, task.Recipe.Picture.PixFmt, chunk)
			}
		}
	}
}
