package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/pkg/job"
)

// mistake is a run of encode that must fail.
type mistake struct {
	// input makes the source and returns its name in dir; the good film if nil.
	input func(t *testing.T, dir string) string
	// args stand behind "encode INPUT -o out.mp4".
	args string
	// output is out.mp4 if empty.
	output string
	// code is 2 if 0, slug the last part of the problem's type.
	code int
	slug string
	// says are parts of the line that tells of it; IN stands for the input's name.
	says []string
	// like changes how the program is run.
	like func(t *testing.T, p *e2e.Program)
}

var mistakes = map[string]mistake{
	"not a video":                  {input: text("hello\n"), slug: "not-media", says: []string{"IN: this is no video that ffmpeg can read", "Invalid data found"}},
	"cut mp4":                      {input: cutOff("mp4", ""), slug: "not-media", says: []string{"IN: this is no video that ffmpeg can read", "check that it is whole"}},
	"cut mp4, index first":         {input: cutOff("mp4", "-movflags +faststart"), slug: "damaged-source", says: []string{"IN: the source is damaged or cut off after 6", " packets", "get a whole copy"}},
	"cut mkv":                      {input: cutOff("mkv", ""), slug: "damaged-source", says: []string{"IN: the source is damaged or cut off after ", "File ended prematurely"}},
	"cut y4m":                      {input: cutOff("y4m", "-c:v wrapped_avframe -an"), slug: "damaged-source", says: []string{"IN: the source is damaged or cut off after 59 packets"}},
	"empty":                        {input: text(""), slug: "bad-input", says: []string{"IN: the file is empty"}},
	"no video stream":              {input: film("m4a", "-vn"), slug: "no-video", says: []string{"IN: the source has no video stream", "give a file with a video stream"}},
	"nothing on stdin":             {input: stdin, slug: "empty-source", says: []string{"stdin: ", "is empty"}, like: piped(text(""))},
	"not a video on stdin":         {input: stdin, slug: "not-media", says: []string{"stdin: this is no video that ffmpeg can read"}, like: piped(text("hello\n"))},
	"cut y4m on stdin":             {input: stdin, slug: "damaged-source", says: []string{"stdin: the source is damaged or cut off after 59 packets"}, like: piped(cutOff("y4m", "-c:v wrapped_avframe -an"))},
	"cut mkv on stdin":             {input: stdin, slug: "damaged-source", says: []string{"stdin: the source is damaged or cut off after ", "File ended prematurely"}, like: piped(cutOff("mkv", ""))},
	"no such file":                 {input: func(*testing.T, string) string { return "nowhere.mp4" }, slug: "bad-input", says: []string{"IN: there is no such file"}},
	"a directory":                  {input: func(*testing.T, string) string { return "." }, slug: "bad-input", says: []string{".: is a directory"}},
	"unreadable":                   {input: locked, slug: "bad-input", says: []string{"IN: the file can't be read: permission denied"}, like: asNobody},
	"no such directory":            {output: "nowhere/out.mp4", slug: "bad-output", says: []string{"nowhere/out.mp4: the directory ", "nowhere doesn't exist", "create it first"}},
	"unknown codec":                {args: "--codec libx266", slug: "unsupported-codec", says: []string{`--codec: there is no codec "libx266"`, "libx264, libx265, libsvtav1, librav1e"}},
	"unknown preset":               {args: "--preset warp", slug: "unsupported-preset", says: []string{`--preset: libx264 has no preset "warp"`, "ultrafast, superfast"}},
	"unknown number of a preset":   {args: "--codec libsvtav1 --preset 77", slug: "unsupported-preset", says: []string{`--preset: libsvtav1 has no preset "77"`, "use 0, 1, 2"}},
	"crf and qp":                   {args: "--crf 20 --qp 20", slug: "invalid-quality", says: []string{"--crf: crf and qp exclude each other"}},
	"ivf of H.264":                 {output: "out.ivf", slug: "unsupported-container", says: []string{"--output: ivf holds AV1 only", "libsvtav1 or librav1e"}},
	"unknown container":            {output: "out.avi", slug: "unknown-container", says: []string{"out.avi: the name doesn't say which container to write", ".mp4, .mov, .mkv, .ivf"}},
	"no space for the data at all": {like: inSpaceOf("200k", "data"), code: 2, slug: "no-space", says: []string{"data: no space is left for the data", " kB are free", "choose another directory"}},
	"no space for the segments":    {input: film("y4m", "-c:v wrapped_avframe -an -s 320x180"), args: "--qp 0", like: inSpaceOf("6m", "data"), code: 1, slug: "no-space", says: []string{"no space left"}},
	"no space for the output":      {args: "--qp 0", output: "full/out.mp4", like: inSpaceOf("100k", "full"), code: 1, slug: "no-space", says: []string{"full/out.mp4: no space left to write the deliverable", "free some"}},
}

func TestMistakesAreToldInOneLine(t *testing.T) {
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.run(t)
		})
	}
}

func (m mistake) run(t *testing.T) {
	t.Helper()
	dir := openDir(t)
	if m.input == nil {
		m.input = film("mkv", "")
	}
	if m.code == 0 {
		m.code = 2
	}
	if m.output == "" {
		m.output = "out.mp4"
	}
	in := m.input(t, dir)
	args := []string{"encode", in, "-o", m.output, "--data", "data", "--json", "--chunk-min", "0.5", "--chunk-max", "1"}
	p := e2e.Command(t, dir, append(args, strings.Fields(m.args)...)...)
	if m.like != nil {
		m.like(t, p)
	}
	if code := p.Run(); code != m.code {
		t.Errorf("exit code %d, want %d", code, m.code)
	}
	p.Gone()
	line, found := strings.CutPrefix(p.Stderr.String(), "reweave: ")
	if line = strings.TrimSuffix(line, "\n"); !found || strings.Contains(line, "\n") || len(line) > 400 {
		t.Errorf("it does not tell of it in one line: %q", p.Stderr.String())
	}
	for _, part := range m.says {
		if part = strings.ReplaceAll(part, "IN", in); !strings.Contains(line, part) {
			t.Errorf("it says %q, want %q in it", line, part)
		}
	}
	r := p.Result()
	if r.State != job.Failed || r.Output != "" || r.Error == nil || r.Error.Slug() != m.slug || r.Error.Title == "" ||
		r.Error.Status < 400 || r.Error.UserMistake() != (m.code == 2) {
		t.Errorf("the result is %+v with %+v, want a failure of type %s", r, r.Error, m.slug)
	}
	m.leftovers(t, dir, in)
}

// leftovers wants nothing in dir but the source and the data.
func (m mistake) leftovers(t *testing.T, dir, in string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path) // it is below dir
		switch {
		case err != nil:
			return err
		case name == "data":
			return filepath.SkipDir
		case !d.IsDir() && name != in:
			t.Errorf("%s is left behind", name)
		case d.IsDir() && strings.HasPrefix(name, "tmp/"):
			t.Errorf("the directory %s is left behind", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// openDir is a directory that other users can reach, too.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "reweave-e2e-*") //nolint:usetesting // t.TempDir lies below one that is the user's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // another user works in it
		t.Fatal(err)
	}
	return dir
}

func text(s string) func(t *testing.T, dir string) string {
	return func(t *testing.T, dir string) string {
		t.Helper()
		return put(t, dir, "in.mp4", []byte(s))
	}
}

func put(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// film makes a film of four seconds with sound.
func film(ext, args string) func(t *testing.T, dir string) string {
	return func(t *testing.T, dir string) string {
		t.Helper()
		path := kept(t, "in."+ext, append([]string{
			"-f", "lavfi", "-i", film25, "-f", "lavfi", "-i", "sine=d=4",
			"-c:v", "libx264", "-preset", "superfast", "-qp", "10", "-g", "12", "-pix_fmt", "yuv420p", "-c:a", "aac",
		}, strings.Fields(args)...)...)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return put(t, dir, "in."+ext, data)
	}
}

// cutOff makes a film of which three fifths are there.
func cutOff(ext, args string) func(t *testing.T, dir string) string {
	return func(t *testing.T, dir string) string {
		t.Helper()
		path := filepath.Join(dir, film(ext, args)(t, dir))
		breakOff(t, path, 0.6)
		return filepath.Base(path)
	}
}

// locked makes a film that nobody may read.
func locked(t *testing.T, dir string) string {
	t.Helper()
	in := film("mkv", "")(t, dir)
	if err := os.Chmod(filepath.Join(dir, in), 0); err != nil {
		t.Fatal(err)
	}
	return in
}

// asNobody runs the program without root's right to read everything.
func asNobody(t *testing.T, p *e2e.Program) {
	t.Helper()
	if os.Geteuid() == 0 {
		const nobody = 65534
		p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
}

// inSpaceOf runs the program where a directory holds no more than so much: it is a
// small file system of its own, which ends with the program. What it holds then is
// listed in a file, if it is anything.
func inSpaceOf(size, name string) func(t *testing.T, p *e2e.Program) {
	return func(t *testing.T, p *e2e.Program) {
		t.Helper()
		p.Within("unshare", "--map-root-user", "--mount", "sh", "-ec", `
			mkdir -p `+name+`; mount -t tmpfs -o size=`+size+` none `+name+`
			"$@" && code=0 || code=$?
			if [ `+name+` != data ]; then ls -A `+name+` >left; [ -s left ] || rm left; fi
			exit $code`, "sh")
	}
}

func stdin(*testing.T, string) string { return "-" }

// piped gives the program a file on its standard input.
func piped(input func(t *testing.T, dir string) string) func(t *testing.T, p *e2e.Program) {
	return func(t *testing.T, p *e2e.Program) {
		t.Helper()
		dir := t.TempDir()
		data, err := os.ReadFile(filepath.Join(dir, input(t, dir)))
		if err != nil {
			t.Fatal(err)
		}
		p.Stdin = bytes.NewReader(data)
	}
}
