package job

import "fmt"

// Keep names what the source shares with a deliverable that was made here, as somebody
// knows it who compared the two: of such frames the deliverable's chunks are taken, whole,
// as long as they are in the store, and only the others come from the source. With Same in
// the Spec, whose Base is this one's, a chunk is taken only where the source's frames are the
// same at that depth.
type Keep struct {
	// Base is the SHA-256 of the deliverable.
	Base string `json:"base" pattern:"^[0-9a-f]{64}$" doc:"digest of the deliverable's bytes"`
	// Frames is the number of the source's frames; any other number is refused.
	Frames int `json:"frames" minimum:"1" doc:"number of the source's frames"`
	// Runs are what the two share, in order.
	Runs []KeepRun `json:"runs" doc:"frames that the two share, in order"`
}

// KeepRun is a stretch of frames: from Old on in the deliverable, from New on in the source.
type KeepRun struct {
	Old    int `json:"old" minimum:"0" doc:"first frame in the deliverable, from 0"`
	New    int `json:"new" minimum:"0" doc:"first frame in the source, from 0"`
	Frames int `json:"frames" minimum:"1" doc:"number of frames"`
}

func (s Spec) checkKeep(is *Issues) {
	k := s.Keep
	if k == nil {
		return
	}
	bad := func(field, title, hint string) { is.add("bad-range", "keep"+field, title, hint) }
	if !digestForm.MatchString(k.Base) {
		bad(".base", "it is no digest of a deliverable", "give the SHA-256 in lower-case hexadecimal")
	}
	if len(s.Edits) > 0 {
		bad("", "edits and keep exclude each other", "give one of them")
	}
	if d := s.Same; d != nil && (d.Base != k.Base || d.Depth != Pixels && d.Depth != Eye) {
		bad("", "beside keep, same verifies what is kept", "name the same base there, and the depth pixels or eye")
	}
	old, new := 0, 0
	for i, r := range k.Runs {
		field := fmt.Sprintf(".runs[%d]", i)
		switch {
		case r.Frames < 1 || r.Old < 0 || r.New < 0:
			bad(field, "it has no frames", "leave it out")
		case r.Old < old || r.New < new:
			bad(field, "it begins before the one before it ends", "put the runs in order, apart from each other")
		case r.New > k.Frames-r.Frames:
			bad(field, fmt.Sprintf("it ends behind the %d frames of the source", k.Frames), "end it there")
		}
		old, new = r.Old+r.Frames, r.New+r.Frames
	}
}
