package splitter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/montage"
	"github.com/reweave/reweave/pkg/source"
)

// sound is another file than the source that the audio tracks come from.
type sound struct {
	src  *source.Source
	info media.Source
}

// openSound opens the file that the sound comes from, if it is not the source.
func (w *work) openSound(ctx context.Context) (err error) {
	from := w.job.Spec.Sound
	if from == nil || from.Source == "" {
		return nil
	}
	j := w.job
	j.Spec.Source, j.Spec.Name = from.Source, from.Name
	s := &sound{}
	if s.src, err = w.open.Open(ctx, j, w.dir); err != nil {
		return fmt.Errorf("sound.source: %w", err)
	}
	w.sound = s
	s.info, err = w.tool.Probe(ctx, s.src.Input, s.src.Head)
	if err != nil {
		w.closeSound()
		return fmt.Errorf("sound.source: %w", err)
	}
	return nil
}

func (w *work) closeSound() {
	if w.sound != nil {
		w.sound.src.Close()
	}
}

// takeSound copies the tracks out of the file that the sound comes from, and moves them to
// the clock of the source: the two films' first frames are shown at once.
func (w *work) takeSound(ctx context.Context) error {
	if w.sound == nil || len(w.tracks.sound) == 0 {
		return nil
	}
	if err := w.checkMoved(ctx); err != nil {
		return err
	}
	s := w.sound
	d, err := demux.Open(ctx, w.tool, s.src.Input, s.info, s.src.Stream, w.tracks.sound)
	if err != nil {
		return err
	}
	defer d.Close()
	first := int64(math.MaxInt64)
	for {
		p, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if !p.Discard {
			first = min(first, p.PTS)
		}
	}
	w.later = w.first() - float64(first)*d.TimeBase().Float()
	return nil
}

// first returns when the film's first frame is shown, in seconds of the source.
func (w *work) first() float64 { return float64(w.plan.Start()) * w.plan.TimeBase.Float() }

// audioCodec returns what becomes of an audio track: what the job says, but that a track
// from another film is copied, and that one with splices can't be.
func (w *work) audioCodec(i int, a media.Stream) (string, error) {
	from := w.job.Spec.Sound
	switch {
	case w.sound != nil:
		return "copy", nil
	case from == nil || !from.Edits || w.job.Spec.Audio != "copy" || strings.HasPrefix(a.Codec, "pcm_"):
		return w.job.Spec.Audio, nil
	}
	if encoder := map[string]string{"aac": "aac", "opus": "libopus"}[a.Codec]; encoder != "" {
		return encoder, nil
	}
	return "", fault.Userf("sound-not-patchable", fmt.Sprintf("audio track %d", i),
		"it is "+a.Codec+", which is copied and can't be encoded here, so nothing can be spliced into it",
		"keep the sound as it is, or encode the film with audio aac")
}

// splice is a stretch of the film whose sound comes from an edit.
type splice struct {
	edit  int
	files []string // one for each of the film's tracks
	name  string   // of the edit
	// sources are the edit's tracks, as it has them.
	sources []media.Stream
	// from and to are the stretch, in seconds of the source's clock; at is when it begins
	// in seconds of the edit's clock, and length how long it is.
	from, to, at, length float64
}

// spliceTracks says which of an edit's tracks are copied aside, if they are wanted.
func (w *work) spliceTracks(i int, info media.Source) (tracks []demux.Extract, err error) {
	if w.job.Spec.Sound == nil || !w.job.Spec.Sound.Edits || w.job.Spec.Edits[i].Mute {
		return nil, nil
	}
	if len(info.Audio) < len(w.plan.Audio) {
		return nil, fault.Userf("no-such-track", w.job.Spec.Edits[i].Name, fmt.Sprintf(
			"it has %d audio tracks, and the film has %d", len(info.Audio), len(w.plan.Audio)),
			"export it with the film's sound, or keep the film's")
	}
	if w.fixSound == nil {
		w.fixSound = map[int][]media.Stream{}
	}
	w.fixSound[i] = info.Audio
	for k := range w.plan.Audio {
		e, _ := w.extract(fmt.Sprintf("fix%d-", i), k, info.Audio[k])
		tracks = append(tracks, e)
	}
	return tracks, nil
}

// splice notes where the sound of an edit belongs that was read. Its tracks are whole only
// once all of it has been.
func (w *work) splice(ctx context.Context, i int, fix *reel, f filled, tracks []demux.Extract, replaced []int64, main *reel) error {
	if len(tracks) == 0 {
		return nil
	}
	for {
		if _, _, err := fix.take(ctx, -1); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		w.queue.release(fix)
	}
	begin, err := w.timeOf(ctx, replaced, main)
	if err != nil {
		return err
	}
	end, err := w.timeAfter(ctx, main)
	if err != nil {
		return err
	}
	tb := w.plan.TimeBase.Float()
	s := splice{edit: i, name: fix.name, sources: w.fixSound[i], from: float64(begin) * tb, to: float64(end) * tb, at: float64(f.at) * fix.demux.TimeBase().Float()}
	s.length = s.to - s.from
	if e := w.job.Spec.Edits[i]; f.n != e.To-e.From {
		s.length = float64(w.at(0, f.n)) * tb
	}
	for _, t := range tracks {
		s.files = append(s.files, t.Path)
	}
	w.splices = append(w.splices, s)
	return nil
}

// fit makes track i the film's: moved, where it comes from another file, and with the
// edits' sound in it.
func (w *work) fit(ctx context.Context, i int) error {
	a := &w.plan.Audio[i]
	a.Start += w.later
	if len(w.splices) == 0 {
		return nil
	}
	m := montage.Montage{Rate: a.Stream.SampleRate, Channels: a.Stream.Channels, Start: a.Start}
	var files []string
	for _, s := range w.splices {
		start, err := w.tool.StartOf(ctx, s.files[i])
		if err != nil {
			return err
		}
		m.Splices = append(m.Splices, montage.Splice{From: s.from, To: s.to, At: s.at, Length: s.length, Start: start, Name: s.name, Source: s.sources[i]})
		files = append(files, s.files[i])
	}
	if err := m.Measure(ctx, w.tool, files); err != nil {
		return err
	}
	track := ""
	if len(w.plan.Audio) > 1 {
		track = fmt.Sprintf(" (track %d)", i+1)
	}
	w.plan.Notes = append(w.plan.Notes, m.Notes(track)...)
	out := demux.TempName(w.dir, "spliced", i, ".mov")
	codec := "pcm_f32le"
	if a.Codec == "copy" {
		codec = a.Stream.Codec
	}
	args := append(ffmpeg.Safe(), "-i", "file:"+w.tracks.audio[i])
	for _, s := range w.splices {
		args = append(append(args, ffmpeg.Safe()...), "-i", "file:"+s.files[i])
	}
	args = append(args, "-filter_complex", m.Graph(), "-map", "[out]", "-c:a", codec, "-fflags", "+bitexact", "-flags:a", "+bitexact", "-y", "file:"+out)
	cmd := w.tool.Command(ctx, args...)
	cmd.Reads(w.tracks.audio[i])
	for _, s := range w.splices {
		cmd.Reads(s.files[i])
	}
	cmd.Writes(filepath.Dir(out))
	if err := cmd.Run(ctx); err != nil {
		return fmt.Errorf("splice the sound: %w", err)
	}
	w.tracks.audio[i], a.Ext, a.Start = out, ".mov", m.Begin()
	return nil
}
