package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
)

// source is a kind of source: how ffmpeg makes it.
type source struct {
	// name is the file's, whose extension says which container it has.
	name string
	// film is the lavfi input's description; four seconds of moving pictures if empty.
	film string
	// args stand between the input and the file.
	args string
	// cut makes a second file of the first one by copying its packets with these
	// arguments, of which those up to "|" stand before the input.
	cut string
	// kept is the part of the file that is left when it breaks off; all of it if 0.
	kept float64
	// read are the options that ffmpeg needs to read the source's times.
	read string
}

const (
	film25   = "testsrc2=s=160x120:r=25:d=4"
	filmNTSC = "testsrc2=s=160x120:r=30000/1001:d=4"
	// interlaced has two moments in each frame, the top field's first.
	interlaced = "testsrc2=s=160x120:r=50:d=4,interlace=scan=tff"
	// openGOP has B-frames ahead of its keyframes that refer to the GOP before.
	openGOP = "-c:v libx264 -preset fast -g 24 -bf 3 -x264-params open-gop=1:scenecut=0:b-adapt=0"
	closed  = "-c:v libx264 -preset superfast -g 12 -bf 2 -sc_threshold 0"
)

// create makes the file and returns its path.
func (s source) create(t *testing.T) string {
	t.Helper()
	film := s.film
	if film == "" {
		film = film25
	}
	args := append([]string{"-f", "lavfi", "-i", film}, strings.Fields(s.args)...)
	path := testenv.Media(t, s.name, append(args, "-fflags", "+bitexact")...)
	if s.kept > 0 {
		breakOff(t, path, s.kept)
	}
	if s.cut == "" {
		return path
	}
	before, after, _ := strings.Cut(s.cut, "|")
	args = append(strings.Fields(before), "-i", path)
	return testenv.Media(t, filepath.Base(s.name), append(args, strings.Fields(after+" -map 0 -c copy")...)...)
}

// breakOff leaves a part of a file, which ends in the middle of something.
func breakOff(t *testing.T, path string, part float64) {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, int64(float64(info.Size())*part)/188*188+77)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// frames decodes the source as it is.
func (s source) frames(t *testing.T, path string) []testenv.Frame {
	t.Helper()
	return testenv.FrameHashes(t, path, strings.Fields(s.read)...)
}

// leads returns how many packets are shown before the keyframe that they follow.
func leads(p e2e.Probe) (n int) {
	key := int64(-1 << 62)
	for _, pkt := range p.Packets {
		if strings.HasPrefix(pkt.Flags, "K") {
			key = pkt.PTS
		} else if pkt.PTS < key {
			n++
		}
	}
	return n
}

// hidden returns how many packets an edit list keeps from being shown.
func hidden(p e2e.Probe) (n int) {
	for _, pkt := range p.Packets {
		if strings.Contains(pkt.Flags, "D") {
			n++
		}
	}
	return n
}
