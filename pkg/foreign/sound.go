package foreign

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/montage"
	"github.com/reweave/reweave/pkg/patch"
)

// soundEncoders are ffmpeg's encoders by its names of codecs; those of PCM are called as
// the codec is.
var soundEncoders = map[string]string{
	"aac": "aac", "opus": "libopus", "alac": "alac", "flac": "flac", "ac3": "ac3", "eac3": "eac3", "mp3": "libmp3lame", "mp2": "mp2",
}

// newSound replaces the film's tracks of sound, if it is to have another one.
func (r *run) newSound(ctx context.Context) error {
	if r.o.Sound == "" || r.o.Sound == "keep" {
		return nil
	}
	tracks := r.film.Source.Audio
	if len(tracks) == 0 {
		return fault.Userf("sound-not-patchable", r.name, "it has no sound", "leave out --audio")
	}
	if r.movie == nil {
		return fault.Userf("sound-not-patchable", r.name, "in Matroska and WebM only the pictures can be replaced", "say --audio keep, or remux it, for example with ffmpeg -i IN -map 0:v -map 0:a -c copy -strict experimental OUT.mp4")
	}
	var fresh *patch.Film
	if r.o.Sound == "new" {
		var err error
		if fresh, err = patch.Read(ctx, r.tool, r.o.NewSound, filepath.Base(r.o.NewSound)); err != nil {
			return err
		}
	}
	r.layout.sound = map[*box]*soundTrack{}
	for i, a := range tracks {
		file := r.temp("sound" + strconv.Itoa(i))
		begin, err := r.makeSound(ctx, i, fresh, file)
		if err != nil {
			return err
		}
		trak := r.movie.traks()[a.Index]
		s, err := openSound(file, r.name, begin, r.movie, trak)
		if err != nil {
			return err
		}
		r.closers = append(r.closers, s.made.close)
		r.layout.sound[trak] = s
	}
	return nil
}

// makeSound writes what takes the place of track i into a file of its own, which begins at
// the first sample that is heard; begin is when that is, in seconds of the film's clock.
func (r *run) makeSound(ctx context.Context, i int, fresh *patch.Film, file string) (begin float64, err error) {
	args := ffmpeg.Safe()
	var reads []string
	if fresh != nil {
		if i >= len(fresh.Source.Audio) {
			return 0, noTrack(fresh, len(r.film.Source.Audio))
		}
		begin = startOf(fresh.Source.Audio[i])
		args = append(args, "-copyts", "-itsoffset", seconds(-begin), "-i", "file:"+fresh.Path, "-map", fmt.Sprintf("0:a:%d", i), "-c", "copy")
		reads, begin = []string{fresh.Path}, begin-timeOf(fresh, 0)+timeOf(r.film, 0)
	} else {
		m, err := r.montage(i)
		if err != nil {
			return 0, err
		}
		args, reads, begin = append(args, "-i", "file:"+r.film.Path), []string{r.film.Path}, m.Begin()
		for _, x := range r.films {
			args = append(append(args, ffmpeg.Safe()...), "-i", "file:"+x.Path)
			reads = append(reads, x.Path)
		}
		if err := r.measure(ctx, &m, reads[1:]); err != nil {
			return 0, err
		}
		encoder, err := r.soundEncoder(i)
		if err != nil {
			return 0, err
		}
		args = append(append(args, "-filter_complex", m.Graph(), "-map", "[out]", "-c:a"), encoder...)
	}
	args = append(append(args, r.tool.MovieTimescale()...), "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact",
		"-strict", "experimental", "-f", r.container(), "-y", "file:"+file)
	cmd := r.tool.Command(ctx, args...)
	cmd.Reads(reads...)
	cmd.Writes(filepath.Dir(file))
	if err := cmd.Run(ctx); err != nil {
		return 0, fmt.Errorf("make the sound: %w", encodeFailed(cmd, err))
	}
	r.splice.CPUSeconds += cmd.CPUSeconds()
	return begin, nil
}

func noTrack(f *patch.Film, wants int) error {
	return fault.Userf("no-such-track", f.Name, fmt.Sprintf("it has %d audio tracks, and the film has %d", len(f.Source.Audio), wants),
		"export it with the film's sound, or keep the film's")
}

// startOf returns when a track begins, in seconds of its file's clock.
func startOf(s media.Stream) float64 { return float64(s.Start) * s.TimeBase.Float() }

// timeOf returns when frame i of a film is shown, in seconds of its clock.
func timeOf(f *patch.Film, i int) float64 {
	times := make([]int64, f.Frames())
	for k, p := range f.Packets {
		times[k] = p.PTS
	}
	slices.Sort(times)
	if i == len(times) {
		return float64(times[i-1])*f.TimeBase.Float() + f.Source.Video.Rate.Inv().Float()
	}
	return float64(times[i]) * f.TimeBase.Float()
}

// montage is track i with the sound of the fixes in their ranges.
func (r *run) montage(i int) (m montage.Montage, err error) {
	a := r.film.Source.Audio[i]
	m = montage.Montage{Rate: a.SampleRate, Channels: a.Channels, Track: i, Start: startOf(a)}
	for k, x := range r.fixes {
		f := r.films[k]
		if i >= len(f.Source.Audio) {
			return m, noTrack(f, len(r.film.Source.Audio))
		}
		s := montage.Splice{From: timeOf(r.film, x.Frames.From), To: timeOf(r.film, x.Frames.To), At: timeOf(f, 0), Start: startOf(f.Source.Audio[i]), Name: f.Name, Source: f.Source.Audio[i]}
		if x.Aligned {
			s.At = timeOf(f, x.Frames.From)
		}
		s.Length = s.To - s.From
		m.Splices = append(m.Splices, s)
	}
	return m, nil
}

// measure finds out how much sound the fixes have, and warns of what is missing.
func (r *run) measure(ctx context.Context, m *montage.Montage, files []string) error {
	if err := m.Measure(ctx, r.tool, files); err != nil {
		return err
	}
	track := ""
	if len(r.film.Source.Audio) > 1 {
		track = fmt.Sprintf(" (track %d)", m.Track+1)
	}
	r.splice.Warnings = append(r.splice.Warnings, m.Notes(track)...)
	return nil
}

// soundEncoder are the options by which track i is encoded as it was.
func (r *run) soundEncoder(i int) ([]string, error) {
	a := r.film.Source.Audio[i]
	if strings.HasPrefix(a.Codec, "pcm_") {
		return []string{a.Codec}, nil
	}
	encoder := soundEncoders[a.Codec]
	if encoder == "" {
		return nil, fault.Userf("sound-not-patchable", fmt.Sprintf("%s, audio track %d", r.name, i), "it is "+a.Codec+", which can't be encoded here",
			"keep the sound as it is")
	}
	args := []string{encoder, "-ar", strconv.Itoa(a.SampleRate)}
	if encoder != "alac" && encoder != "flac" {
		rate, err := r.bitRate(a.Index)
		if err != nil {
			return nil, err
		}
		args = append(args, "-b:a", strconv.Itoa(rate))
	}
	return args, nil
}
