// Package plan holds the plan of a job: what the source is cut into, what becomes of
// each piece, and the exact time of every frame. A plan is a value; nothing in this
// package reads a clock or a file.
package plan

import (
	"encoding/json"
	"fmt"

	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/recipe"
)

// Version is the version of the plan's and the manifest's format.
const Version = 1

// Plan is the whole of what the muxer needs to know.
type Plan struct {
	Version int           `json:"version"`
	Job     string        `json:"job"`
	Source  media.Source  `json:"source"`
	Recipe  recipe.Recipe `json:"recipe"`
	// TimeBase is the unit of all times of frames, in seconds.
	TimeBase media.Rational `json:"time_base"`
	Segments []Segment      `json:"segments"`
	// End is the time at which the last frame ends.
	End   int64   `json:"end"`
	Audio []Audio `json:"audio,omitempty"`
	// Edits is how many frames each of the job's edits brought.
	Edits []int `json:"edits,omitempty"`
	// Extra is the object key of a file with the subtitles and attachments, ExtraSHA256
	// its digest and ExtraStart its start in seconds; "" when there are none.
	Extra       string  `json:"extra,omitempty"`
	ExtraSHA256 string  `json:"extra_sha256,omitempty"`
	ExtraStart  float64 `json:"extra_start,omitempty"`
	// Meta holds the chapters and tags in ffmpeg's metadata format.
	Meta string `json:"meta,omitempty"`
	// Notes tell what the deliverable leaves out.
	Notes []string `json:"notes,omitempty"`
}

// Segment is one entry of the plan.
type Segment struct {
	// Digest is the SHA-256 of the segment's content, First the rank of its first
	// owned frame.
	Digest string `json:"digest"`
	First  int    `json:"first"`
	Bytes  int64  `json:"bytes"`
	// Times are the presentation times of the owned frames.
	Times Times `json:"times"`
	// Key is the chunk key.
	Key string `json:"key"`
}

// Audio is one audio track of the deliverable.
type Audio struct {
	Stream media.Stream `json:"stream"`
	// Start is when the track's first sample is heard, in seconds of the source. It is
	// not the time of the first packet where a codec has a delay (Opus).
	Start float64 `json:"start"`
	// Digest is the SHA-256 of the copied track, Object where it lies, Ext the
	// extension of its container.
	Digest string `json:"digest"`
	Object string `json:"object"`
	Ext    string `json:"ext"`
	// Codec is "copy" or the encoder, Key the chunk key when it is encoded.
	Codec string `json:"codec"`
	Key   string `json:"key,omitempty"`
}

// Frames returns the number of frames of the deliverable.
func (p *Plan) Frames() int {
	n := 0
	for _, s := range p.Segments {
		n += s.Times.Len()
	}
	return n
}

// Tasks returns the number of units of work: segments, and audio tracks to encode.
func (p *Plan) Tasks() int {
	n := len(p.Segments)
	for _, a := range p.Audio {
		if a.Key != "" {
			n++
		}
	}
	return n
}

// Start returns the time of the first frame.
func (p *Plan) Start() int64 {
	if len(p.Segments) == 0 {
		return 0
	}
	return p.Segments[0].Times.First()
}

// Duration returns the deliverable's length in seconds.
func (p *Plan) Duration() float64 { return float64(p.End-p.Start()) * p.TimeBase.Float() }

// Check reports whether the plan is whole: its timebase is a fraction above 0, times
// increase from frame to frame and from segment to segment, and every segment owns at
// least one frame.
func (p *Plan) Check() error {
	if p.Version != Version {
		return fmt.Errorf("check plan: version %d, want %d", p.Version, Version)
	}
	if !p.TimeBase.Valid() {
		return fmt.Errorf("check plan: timebase %s", p.TimeBase)
	}
	var last int64
	first := true
	for i, s := range p.Segments {
		if s.Times.Len() == 0 {
			return fmt.Errorf("check plan: segment %d owns no frame", i)
		}
		for _, t := range s.Times.All() {
			if !first && t <= last {
				return fmt.Errorf("check plan: time %d in segment %d does not follow %d", t, i, last)
			}
			first, last = false, t
		}
	}
	if first {
		return fmt.Errorf("check plan: no segments")
	}
	if p.End <= last {
		return fmt.Errorf("check plan: it ends at %d, before its last frame at %d does", p.End, last)
	}
	return nil
}

// Encode returns the plan as JSON.
func (p *Plan) Encode() ([]byte, error) { return json.Marshal(p) }

// Decode reads and checks a plan.
func Decode(b []byte) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return &p, p.Check()
}
