package demux_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/matroska"
)

func read(t rapid.TB, p matroska.Packet) []byte {
	b := make([]byte, p.Size)
	if n, err := p.Data.ReadAt(b, p.Off); n != len(b) || err != nil && err != io.EOF {
		t.Fatalf("read packet: %d of %d bytes, %v", n, len(b), err)
	}
	return b
}

func TestSpoolKeepsWhatIsNotReleased(t *testing.T) {
	t.Run("in memory", spoolKeeps)
	t.Run("on disk", func(t *testing.T) {
		hog := demux.NewSpool(t.TempDir()) // it takes all memory that spools may use
		defer hog.Close()
		for range 8 {
			if err := hog.Put(make([]byte, 4<<20)); err != nil {
				t.Fatal(err)
			}
		}
		spoolKeeps(t)
	})
}

func spoolKeeps(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		s := demux.NewSpool(dir)
		defer s.Close()
		var all [][]byte
		first := 0
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				b := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "packet")
				if err := s.Put(b); err != nil {
					t.Fatal(err)
				}
				all = append(all, bytes.Clone(b))
				for i := range b {
					b[i] = 0xEE // the demuxer uses its memory again
				}
			},
			"release": func(t *rapid.T) {
				n := rapid.IntRange(0, len(all)).Draw(t, "until")
				s.Release(n)
				first = max(first, n)
			},
			"": func(t *rapid.T) {
				for n := first; n < len(all); n++ {
					if got := read(t, s.Packet(n)); !bytes.Equal(got, all[n]) {
						t.Fatalf("packet %d: %x, want %x", n, got, all[n])
					}
				}
			},
		})
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("files are left behind: %v, %v", left, err)
	}
}

// openIn counts the files of dir that this process holds open, named or not.
func openIn(t *testing.T, dir string) (n int) {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if path, err := os.Readlink(fd); err == nil && strings.HasPrefix(path, dir) {
			n++
		}
	}
	return n
}

// A film of any length keeps few files open, on disk only what is still needed.
func TestSpoolBoundsItsFiles(t *testing.T) {
	dir := t.TempDir()
	s := demux.NewSpool(dir)
	packet := make([]byte, 16<<20)
	most := 0
	for n := range 20 { // 320 MiB, of which two packets are needed at a time
		binary.BigEndian.PutUint64(packet, uint64(n))
		if err := s.Put(packet); err != nil {
			t.Fatal(err)
		}
		s.Release(n - 1)
		if got := read(t, s.Packet(n)); binary.BigEndian.Uint64(got) != uint64(n) {
			t.Fatalf("packet %d is another one", n)
		}
		most = max(most, openIn(t, dir))
	}
	if most < 1 || most > 2 {
		t.Errorf("%d files were open at once", most)
	}
	s.Close()
	if n := openIn(t, dir); n != 0 {
		t.Errorf("%d files are open behind Close", n)
	}
}

// Packets are read while later ones are put and earlier ones are let go of.
func TestSpoolServesSeveralAtOnce(t *testing.T) {
	const batch, batches = 50, 40
	s := demux.NewSpool(t.TempDir())
	defer s.Close()
	var readers sync.WaitGroup
	for b := range batches {
		for n := b * batch; n < (b+1)*batch; n++ {
			if err := s.Put(binary.BigEndian.AppendUint32(nil, uint32(n))); err != nil {
				t.Fatal(err)
			}
		}
		readers.Wait() // the batch before is read: it may go
		s.Release(b * batch)
		for r := range 4 {
			readers.Go(func() {
				for n := b*batch + r; n < (b+1)*batch; n += 4 {
					if got := read(t, s.Packet(n)); int(binary.BigEndian.Uint32(got)) != n {
						t.Errorf("packet %d is another one", n)
					}
				}
			})
		}
	}
	readers.Wait()
}

func TestSpoolWithoutADirectory(t *testing.T) {
	s := demux.NewSpool(filepath.Join(t.TempDir(), "nowhere"))
	defer s.Close()
	if err := s.Put(make([]byte, 5<<20)); err == nil || !strings.Contains(err.Error(), "create spool") {
		t.Errorf("%v", err)
	}
}
