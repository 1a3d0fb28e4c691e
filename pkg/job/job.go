// Package job holds what a user asks for (a Spec), what became of it (a Job with
// its State), and what the outside is told on the way (Events).
//
// A job moves queued → splitting → encoding → muxing → done. From every state
// but the last it can become failed or cancelled. Splitting and encoding overlap:
// a job is "splitting" until the number of its segments is known.
package job

import (
	"time"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/recipe"
)

// State is where a job stands.
type State string

// The states of a job. Done, Failed and Cancelled are final.
const (
	Queued    State = "queued"
	Splitting State = "splitting"
	Encoding  State = "encoding"
	Muxing    State = "muxing"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Final reports whether the state never changes again.
func (s State) Final() bool { return s == Done || s == Failed || s == Cancelled }

// Class is the priority class of a job: high before normal before low.
type Class string

// The priority classes.
const (
	High   Class = "high"
	Normal Class = "normal"
	Low    Class = "low"
)

// Classes lists the priority classes, the most urgent first.
var Classes = []Class{High, Normal, Low}

// Spec is what a user asks for.
type Spec struct {
	// Source is where the source lies: upload:ID, s3://bucket/key, https://…, or a
	// local path (only where the api allows it).
	Source string `json:"source" doc:"upload:ID, s3://bucket/key, https://… or, on a local server, a path; answers tell a URL without its query" minLength:"1"`
	// Name is the source's file name, for reports and for the deliverable's name.
	Name string `json:"name,omitempty" doc:"name of the source, for reports"`
	// Container is the deliverable's: mp4, mov, mkv or ivf.
	Container string `json:"container,omitempty" enum:"mp4,mov,mkv,ivf" default:"mp4" doc:"container of the deliverable"`
	// Video holds the settings of the encoder.
	Video recipe.Settings `json:"video"`
	// Audio says what becomes of the audio tracks: copy, aac, libopus or none.
	Audio string `json:"audio,omitempty" enum:"copy,aac,libopus,none" default:"copy" doc:"what becomes of the audio tracks"`
	// Subtitles says what becomes of subtitle tracks: copy or none.
	Subtitles string `json:"subtitles,omitempty" enum:"copy,none" default:"copy" doc:"what becomes of the subtitle tracks"`
	// ChunkMin and ChunkMax bound the length of a chunk, in seconds of film.
	ChunkMin float64 `json:"chunk_min,omitempty" minimum:"0" doc:"shortest chunk in seconds (default 2)"`
	ChunkMax float64 `json:"chunk_max,omitempty" minimum:"0" doc:"longest chunk in seconds, where the source has a keyframe to cut at (default 6)"`
	// Edits replace frames of the source by those of others, in order.
	Edits []Edit `json:"edits,omitempty" doc:"frames of the source to replace by those of other sources, in order"`
	// Sound says whose sound the film has, where it is not the source's alone.
	Sound *Sound `json:"sound,omitempty" doc:"whose sound the film has (default: the source's)"`
	// Builds pins encoders to builds of theirs, by encoder: those that a deliverable was
	// made with which the new one is to share chunks with.
	Builds map[string]string `json:"builds,omitempty" doc:"encoder builds to use, by encoder, as a manifest tells them (default: what the workers have)"`
	// Keep names frames that the source shares with another deliverable.
	Keep *Keep `json:"keep,omitempty" doc:"frames that the source shares with a deliverable made here, whose chunks are taken for them"`
	// Same finds what is the same as in another deliverable, below the packets.
	Same *Same `json:"same,omitempty" doc:"look for frames that are the same as a deliverable's though their packets are not"`
	// Like says what the source must be to share chunks with another deliverable's.
	Like *Like `json:"like,omitempty" doc:"what the pictures must be, as the plan in a manifest tells them; anything else is refused"`
	// Class is the priority class.
	Class Class `json:"class,omitempty" enum:"high,normal,low" default:"normal" doc:"priority class"`
	// Webhook is told of the job's end.
	Webhook *Webhook `json:"webhook,omitempty" doc:"whom to tell of the job's end"`
}

// WithoutSource returns the part of s that says what kind of deliverable is made.
func (s Spec) WithoutSource() Spec {
	s.Source, s.Name, s.Class, s.Webhook, s.Edits, s.Sound, s.Builds, s.Like, s.Same, s.Keep = "", "", "", nil, nil, nil, nil, nil, nil, nil
	return s
}

// Chunks counts a job's units of work: video chunks and audio tracks.
type Chunks struct {
	// Total is 0 until the source is split.
	Total   int `json:"total"`
	Encoded int `json:"encoded"`
	Reused  int `json:"reused"`
}

// Done returns how many units are finished, encoded or reused.
func (c Chunks) Done() int { return c.Encoded + c.Reused }

// Output tells of a finished deliverable.
type Output struct {
	Key    string `json:"key" doc:"object key of the deliverable"`
	SHA256 string `json:"sha256" doc:"digest of the deliverable's bytes"`
	Bytes  int64  `json:"bytes"`
	// Manifest is the object key of the manifest beside the deliverable, and
	// ManifestSHA256 the digest of its bytes.
	Manifest       string `json:"manifest"`
	ManifestSHA256 string `json:"manifest_sha256"`
}

// Job is the state of one job, as kept in the bucket "jobs" and as the API tells it.
type Job struct {
	ID string `json:"id"`
	// Tenant is whose job it is; "" on a server that asks nobody who they are.
	Tenant string `json:"tenant,omitempty"`
	// RetryOf is the job that this one does once more, "" for none.
	RetryOf string    `json:"retry_of,omitempty"`
	State   State     `json:"state"`
	Spec    Spec      `json:"spec"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
	// Started is when the splitter took the job, Finished when it became final.
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	Chunks   Chunks     `json:"chunks"`
	// Frames and Duration (seconds) are the deliverable's; 0 until the source is split.
	Frames   int     `json:"frames"`
	Duration float64 `json:"duration"`
	// EncodeSeconds is the sum of the encoders' CPU time in seconds.
	EncodeSeconds float64 `json:"encode_seconds"`
	// Plan is the object key of the plan, once the source is split, and PlanSHA256 the
	// digest of its bytes.
	Plan       string  `json:"plan,omitempty"`
	PlanSHA256 string  `json:"plan_sha256,omitempty"`
	Output     *Output `json:"output,omitempty"`
	// Builds are the encoder builds that this job is pinned to, by encoder: chunks of
	// two builds are never mixed in one deliverable.
	Builds map[string]string `json:"builds,omitempty"`
	// Window is how many of its tasks may be in the queue at once, 0 until it is split.
	Window int `json:"window,omitempty"`
	// Slots is how many slots of the workers the tenant's jobs may hold at once, 0 for any
	// number.
	Slots int `json:"slots,omitempty"`
	// Notes tell what the deliverable leaves out, such as a data track.
	Notes []string `json:"notes,omitempty"`
	// Lost says what of the job was lost in the store, so that it is being split again.
	Lost string `json:"lost,omitempty" doc:"what was lost in the store, while it is being made again"`
	// Error says why a job failed.
	Error *fault.Problem `json:"error,omitempty"`
	// Revision is the revision of this value in the store; it orders updates.
	Revision uint64 `json:"revision,omitempty"`
}

// WallSeconds is the time from the job's start to its end, or to now while it runs.
func (j Job) WallSeconds(now time.Time) float64 {
	if j.Started == nil {
		return 0
	}
	if j.Finished != nil {
		now = *j.Finished
	}
	return now.Sub(*j.Started).Seconds()
}
