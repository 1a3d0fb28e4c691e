package plan

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/media"
)

// Manifest lies beside a deliverable and says what it is made of: what a patch starts
// from, and what a proof refers to. It tells nothing of when or where it was made, so
// that equal deliverables have equal manifests but for the job's id.
type Manifest struct {
	Version   int    `json:"version"`
	Job       string `json:"job"`
	Container string `json:"container"`
	// SHA256 and Bytes are the deliverable's.
	SHA256   string         `json:"sha256"`
	Bytes    int64          `json:"bytes"`
	Frames   int            `json:"frames"`
	Duration float64        `json:"duration"`
	TimeBase media.Rational `json:"time_base"`
	// Spec is what was asked for, without the source and what concerns one job alone:
	// with another source it makes a deliverable of the same kind.
	Spec job.Spec `json:"spec"`
	// Builds are the encoder builds it was made with, by encoder.
	Builds map[string]string `json:"builds,omitempty"`
	// Plan is the plan it was made by.
	Plan *Plan `json:"plan"`
	// Chunks are the encoded chunks, in the order of the plan's segments.
	Chunks []ManifestChunk `json:"chunks"`
	// Audio are the encoded audio tracks; one that is copied has no entry of content.
	Audio []ManifestChunk `json:"audio,omitempty"`
}

// ManifestChunk is one chunk of a deliverable.
type ManifestChunk struct {
	// Start is the number of the chunk's first frame in the deliverable.
	Start  int    `json:"start"`
	Frames int    `json:"frames"`
	Key    string `json:"key,omitempty"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	// Pixels is the digest of the source's decoded frames, for finding what is the same.
	Pixels string `json:"pixels,omitempty"`
}

// DecodeManifest reads a manifest and checks that it is whole.
func DecodeManifest(b []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	switch {
	case m.Version != Version:
		return nil, fmt.Errorf("read manifest: version %d, want %d", m.Version, Version)
	case m.Plan == nil:
		return nil, errors.New("read manifest: it has no plan")
	case len(m.Chunks) != len(m.Plan.Segments) || len(m.Audio) != len(m.Plan.Audio):
		return nil, fmt.Errorf("read manifest: %d chunks for %d segments, %d for %d audio tracks",
			len(m.Chunks), len(m.Plan.Segments), len(m.Audio), len(m.Plan.Audio))
	}
	return &m, m.Plan.Check()
}
