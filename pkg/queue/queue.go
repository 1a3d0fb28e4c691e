// Package queue holds the messages by which the services talk, and the subjects
// they travel on. What sends and receives them is package natsq below it.
//
// A job has one split message, then a task for every segment and every audio
// track, then one mux message. A task is named by its kind and number: v0, v1, …
// for video segments and a0, a1, … for audio tracks. At most Window tasks of a
// job are in the queue at once: finishing number i releases number i+Window, so a
// long job can't keep others waiting.
package queue

import (
	"fmt"
	"strconv"
	"time"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/recipe"
)

// TaskID names a unit of work in its job: v0, v1, … or a0, a1, ….
type TaskID string

// Video names the task of the i-th video segment.
func Video(i int) TaskID { return TaskID(fmt.Sprintf("v%d", i)) }

// Audio names the task of the i-th audio track.
func Audio(i int) TaskID { return TaskID(fmt.Sprintf("a%d", i)) }

// IsAudio reports whether the task is an audio track.
func (t TaskID) IsAudio() bool { return len(t) > 0 && t[0] == 'a' }

// Index returns the number of the task within its kind, or -1 for a malformed id.
func (t TaskID) Index() int {
	if len(t) < 2 {
		return -1
	}
	n, err := strconv.Atoi(string(t[1:]))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// Window is how many tasks of a job may be in the queue at once where the workers have so
// many slots, as far as is known when the job begins.
func Window(slots int) int {
	return slots + (slots+1)/2
}

// Task is all that an encoder needs to know of one unit of work.
type Task struct {
	Job   string    `json:"job"`
	ID    TaskID    `json:"id"`
	Class job.Class `json:"class"`
	// Window is how many tasks of this job may be in the queue at once.
	Window int `json:"window"`
	// Tenant is whose job it is, and Slots how many slots of the workers that tenant's
	// jobs may hold at once; 0 for any number.
	Tenant string `json:"tenant,omitempty"`
	Slots  int    `json:"slots,omitempty"`
	// Source is the object key of the segment, SHA256 its digest, Bytes its size.
	Source string `json:"source"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	// First and Frames are the range of frames that the segment owns, among all that
	// it decodes to, counted from 0 in display order. Unused for audio.
	First  int `json:"first"`
	Frames int `json:"frames"`
	// Start is the number of the first owned frame in the whole deliverable.
	Start int `json:"start"`
	// Decoded is the pixel format that the segment's frames have before they are converted
	// to the recipe's, "" where unknown.
	Decoded string `json:"decoded,omitempty"`
	// Recipe is what the encoder is given; for audio only Codec and Encoder count.
	Recipe recipe.Recipe `json:"recipe"`
	// Key is the chunk key: where the result is kept.
	Key string `json:"key"`
}

// Done is the record that a task is finished. The first one written for a task
// wins; it alone says which chunk counts.
type Done struct {
	Job  string `json:"job"`
	Task TaskID `json:"task"`
	// Key is the chunk key, SHA256 and Bytes those of the chunk's content.
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Frames int    `json:"frames"`
	// Pixels is the digest of the decoded frames' hashes, "" where unknown.
	Pixels string `json:"pixels,omitempty"`
	// Reused says that the chunk was in the store before this job needed it.
	Reused bool `json:"reused"`
	// CPUSeconds is the CPU time of the encode; 0 when reused.
	CPUSeconds float64   `json:"cpu_seconds"`
	Worker     string    `json:"worker"`
	At         time.Time `json:"at"`
}

// Attempt is one line in the history of a task, written before and after a try.
type Attempt struct {
	Job    string    `json:"job"`
	Task   TaskID    `json:"task"`
	Worker string    `json:"worker"`
	Kind   string    `json:"kind"` // AttemptStart, AttemptRelease or AttemptFail
	At     time.Time `json:"at"`
	Detail string    `json:"detail,omitempty"`
}

// The kinds of an Attempt: a try began, it was handed back in good order, it failed.
const (
	AttemptStart   = "start"
	AttemptRelease = "release"
	AttemptFail    = "fail"
)

// Worker is what an encoder tells of itself while it lives.
type Worker struct {
	ID      string `json:"id"`
	Host    string `json:"host"`
	Version string `json:"version"`
	FFmpeg  string `json:"ffmpeg"`
	Slots   int    `json:"slots"`
	Busy    int    `json:"busy"`
	// Encoders maps an encoder's name to its build.
	Encoders map[string]Encoder `json:"encoders"`
	// Doing is what the worker does now, the longest first.
	Doing []Doing `json:"doing,omitempty"`
	// Memory is what its encodes may use together, MemoryUsed what those that run are
	// expected to, in bytes; 0 where nobody knows.
	Memory     int64 `json:"memory,omitempty"`
	MemoryUsed int64 `json:"memory_used,omitempty"`
	// Draining says that it takes no new work and ends when this is done.
	Draining bool `json:"draining,omitempty"`
	// Since is when the worker began, At when it told this, both by its own clock.
	Since time.Time `json:"since"`
	At    time.Time `json:"at"`
}

// Peak is the most memory that encodes of one kind took, decoder and encoder together.
type Peak struct {
	Bytes int64 `json:"bytes"`
	// Guessed says that it was never measured: an encode was killed for want of memory.
	Guessed bool   `json:"guessed,omitempty"`
	Codec   string `json:"codec"`
	Preset  string `json:"preset,omitempty"`
	Width   int    `json:"width,omitempty"`
	Height  int    `json:"height,omitempty"`
	Worker  string `json:"worker"`
}

// Doing is a task in a worker's hand.
type Doing struct {
	Job   string `json:"job"`
	Task  TaskID `json:"task"`
	Codec string `json:"codec"`
	// Frames is how many of the Total frames are encoded; both are 0 for audio.
	Frames int       `json:"frames"`
	Total  int       `json:"total"`
	Since  time.Time `json:"since"`
}

// Encoder is one encoder of one build of ffmpeg.
type Encoder struct {
	// Name is ffmpeg's name for it: libx264, libsvtav1, aac, ….
	Name string `json:"name"`
	// Build is the fingerprint: equal builds give equal bytes.
	Build string `json:"build"`
	// Presets are the presets it has; empty for audio.
	Presets []string `json:"presets,omitempty"`
	// PixFmts are the pixel formats it takes; empty for audio.
	PixFmts []string  `json:"pix_fmts,omitempty"`
	Seen    time.Time `json:"seen"`
}
