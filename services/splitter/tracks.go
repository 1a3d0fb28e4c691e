package splitter

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/mux"
	"github.com/reweave/reweave/pkg/plan"
	"github.com/reweave/reweave/pkg/queue"
	"github.com/reweave/reweave/pkg/recipe"
	"github.com/reweave/reweave/pkg/store"
)

// tracks are the streams besides the video, which the demuxer copies into files.
type tracks struct {
	extracts []demux.Extract
	sound    []demux.Extract // of the file that the sound is from, where it is not the source's
	audio    []string        // files, in the order of the plan's audio
	extra    string
	meta     string
}

// planTracks says which streams are copied aside while the source is read.
func (w *work) planTracks(ctx context.Context) error {
	t := &w.tracks
	if w.job.Spec.Audio != "none" {
		for i, a := range w.info.Audio {
			e, ext := w.extract("audio", i, a)
			if w.sound != nil {
				t.sound = append(t.sound, e)
			} else {
				t.extracts = append(t.extracts, e)
			}
			t.audio = append(t.audio, e.Path)
			codec, err := w.audioCodec(i, a)
			if err != nil {
				return err
			}
			w.plan.Audio = append(w.plan.Audio, plan.Audio{Stream: a, Codec: codec, Ext: ext})
		}
	}
	w.planExtra()
	t.meta = demux.TempName(w.dir, "meta", 0, ".txt")
	t.extracts = append(t.extracts, demux.Extract{Path: t.meta, Args: []string{"-fflags", "+bitexact", "-f", "ffmetadata"}})
	for i, a := range w.plan.Audio {
		if a.Codec == "copy" {
			continue
		}
		if _, err := w.encoder(ctx, a.Codec); err != nil {
			return fmt.Errorf("audio track %d: %w", i, err)
		}
	}
	return nil
}

// extract has an audio stream copied into a file, with the clock of its source.
func (w *work) extract(name string, i int, a media.Stream) (e demux.Extract, ext string) {
	ext = mux.SideContainer(a.Codec)
	args := []string{"-map", "0:" + strconv.Itoa(a.Index), "-c", "copy", "-fflags", "+bitexact", "-strict", "experimental", "-map_metadata", "-1"}
	if ext != ".mka" {
		args = append(args, w.tool.MovieTimescale()...)
	}
	return demux.Extract{Path: demux.TempName(w.dir, name, i, ext), Args: args}, ext
}

// planExtra lays subtitles and attachments aside, in Matroska, which takes all kinds,
// or in MP4 where there is nothing but MP4's own kind of subtitles.
func (w *work) planExtra() {
	subs := w.info.Subs
	if w.job.Spec.Subtitles == "none" {
		return
	}
	keep := w.job.Spec.Container == "mkv" && len(w.info.Attached) > 0
	if len(subs) == 0 && !keep {
		return
	}
	args := []string{"-fflags", "+bitexact", "-map_metadata", "-1"}
	for _, s := range subs {
		args = append(args, "-map", "0:"+strconv.Itoa(s.Index))
	}
	ext, codec := ".mkv", "copy"
	own := func(s media.Stream) bool { return s.Codec == "mov_text" }
	switch {
	case w.job.Spec.Container != "mkv" && len(subs) > 0 && !slices.ContainsFunc(subs, func(s media.Stream) bool { return !own(s) }):
		ext = ".mp4"
	case slices.ContainsFunc(subs, own):
		codec = "subrip" // Matroska has no name for MP4's text
	}
	args = append(args, "-c", codec)
	if keep {
		args = []string{"-fflags", "+bitexact"}
		for _, s := range append(slices.Clone(subs), w.info.Attached...) {
			args = append(args, "-map", "0:"+strconv.Itoa(s.Index))
		}
		args = append(args, "-c", "copy")
	}
	w.tracks.extra = demux.TempName(w.dir, "extra", 0, ext)
	w.tracks.extracts = append(w.tracks.extracts, demux.Extract{Path: w.tracks.extra, Args: args})
}

// placeTracks stores what was laid aside, and has audio encoded that is to be.
func (w *work) placeTracks(ctx context.Context) error {
	for i := range w.plan.Audio {
		if err := w.placeAudio(ctx, i); err != nil {
			return fmt.Errorf("store audio track %d: %w", i, err)
		}
	}
	if w.tracks.extra != "" {
		sum, err := w.putFile(ctx, w.tracks.extra, func(sum string) string { return store.SegmentKey(w.job.ID, sum) })
		if err != nil {
			return fmt.Errorf("store subtitles: %w", err)
		}
		w.plan.Extra, w.plan.ExtraSHA256 = store.SegmentKey(w.job.ID, sum), sum
		if w.plan.ExtraStart, err = w.tool.StartOf(ctx, w.tracks.extra); err != nil {
			return err
		}
	}
	meta, err := os.ReadFile(w.tracks.meta)
	if err != nil {
		return fmt.Errorf("read tags: %w", err)
	}
	w.plan.Meta = string(meta)
	return nil
}

// placeAudio stores a track: as a chunk of its own to be copied, or as the source of a
// task that encodes it.
func (w *work) placeAudio(ctx context.Context, i int) error {
	a := &w.plan.Audio[i]
	if err := w.startOf(ctx, a, w.tracks.audio[i]); err != nil {
		return err
	}
	if err := w.fit(ctx, i); err != nil {
		return err
	}
	file := w.tracks.audio[i]
	if a.Codec == "copy" {
		sum, err := w.putFile(ctx, file, func(sum string) string { return store.SegmentKey(w.job.ID, sum) })
		a.Digest, a.Object = sum, store.SegmentKey(w.job.ID, sum)
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	sum, size, err := store.Digest(f)
	if err != nil {
		return err
	}
	build := w.job.Builds[a.Codec]
	a.Digest, a.Object, a.Key = sum, store.SegmentKey(w.job.ID, sum), chunk.AudioKey(sum, a.Codec, build)
	t := queue.Task{
		Job: w.job.ID, ID: queue.Audio(i), Class: w.job.Spec.Class, Window: w.window,
		Tenant: w.job.Tenant, Slots: w.job.Slots,
		Source: a.Object, SHA256: sum, Bytes: size, Key: a.Key,
		Recipe: recipe.Recipe{Settings: recipe.Settings{Codec: a.Codec}, Encoder: build},
	}
	waits, err := w.offer(ctx, t, f)
	if err == nil && !waits {
		w.queue.reused++
	}
	return err
}

// startOf finds out when the track in file, which has the source's clock, begins. MP4
// tells by its edit list; Matroska moves what begins before 0, so there the source's
// own word counts.
func (w *work) startOf(ctx context.Context, a *plan.Audio, file string) (err error) {
	a.Start = float64(a.Stream.Start) * a.Stream.TimeBase.Float()
	if a.Ext != ".mka" {
		a.Start, err = w.tool.StartOf(ctx, file)
	}
	return err
}

// putFile stores a file under the key that its digest gives it.
func (w *work) putFile(ctx context.Context, file string, key func(sum string) string) (sum string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum, size, err := store.Digest(f)
	if err != nil {
		return "", err
	}
	return sum, w.env.Store.Put(ctx, key(sum), f, size, nil)
}
