package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a command line in a directory with a few files, and with a home that
// holds nothing.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"in.mov": "not empty", "empty.mov": "", "old.mp4": "old"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "data"))
	var out, errs bytes.Buffer
	code = Run(t.Context(), args, strings.NewReader(""), &out, &errs)
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("something was started")
	}
	return code, out.String(), errs.String()
}

// mistakes are what a user can get wrong before any work begins, with what is said.
var mistakes = []struct {
	name, args, want string
}{
	{"unknown command", "frobnicate", `there is no command "frobnicate" (see: reweave --help)`},
	{"mistyped command", "encod", `there is no command "encod" (did you mean encode?)`},
	{"unknown flag", "encode in.mov -o x.mp4 --bogus", "unknown flag: --bogus (see: reweave --help)"},
	{"no input", "encode -o x.mp4", "encode: there is no INPUT (usage: reweave encode INPUT -o OUTPUT [flags])"},
	{"two inputs", "encode in.mov dir -o x.mp4", `encode: one argument too many: "dir" (usage: reweave encode INPUT -o OUTPUT [flags])`},
	{"no output", "encode in.mov", "encode: there is no OUTPUT (name it: -o OUTPUT)"},
	{"missing input", "encode no.mov -o x.mp4", "no.mov: there is no such file"},
	{"directory as input", "encode dir -o x.mp4", "dir: is a directory, not a video"},
	{"empty input", "encode empty.mov -o x.mp4", "empty.mov: the file is empty"},
	{"plain http", "encode http://host/a.mov -o x.mp4", "http://host/a.mov: plain http is not read (use https://, or download it first)"},
	{"other container", "encode in.mov -o x.avi", "x.avi: the name doesn't say which container to write (end it in .mp4, .mov, .mkv, .ivf)"},
	{"output exists", "encode in.mov -o old.mp4", "old.mp4: exists already (add --force to replace it)"},
	{"output is input", "encode in.mov -o ./in.mov -y", "./in.mov: OUTPUT is the same file as INPUT (choose another name)"},
	{"unknown codec", "encode in.mov -o x.mp4 --codec libx266", `--codec: there is no codec "libx266" (use libx264, libx265, libsvtav1, librav1e)`},
	{"crf and qp", "encode in.mov -o x.mp4 --crf 20 --qp 20", "--crf: crf and qp exclude each other (give one of them)"},
	{"qp out of range", "encode in.mov -o x.mp4 --qp 52", "--qp: qp 52 is out of range for libx264 (use 0 to 51)"},
	{"crf of rav1e", "encode in.mov -o x.mp4 --codec librav1e --crf 0", "--crf: librav1e has no crf (use qp)"},
	{"ivf without AV1", "encode in.mov -o x.ivf", "--output: ivf holds AV1 only, not what libx264 makes (use libsvtav1 or librav1e, or another container)"},
	{"audio in ivf", "encode in.mov -o x.ivf --codec librav1e --audio aac", "--audio: ivf holds no audio"},
	{"keyints", "encode in.mov -o x.mp4 --keyint 10 --min-keyint 20", "--min-keyint: min_keyint 20 is more than keyint 10"},
	{"chunk lengths", "encode in.mov -o x.mp4 --chunk-min 1m --chunk-max 9.5", "--chunk-max: chunk_max 9.5 s is less than chunk_min 60 s"},
	{"no length", "encode in.mov -o x.mp4 --chunk-min soon", `invalid argument "soon" for "--chunk-min" flag: want seconds, such as 2.5, or a duration, such as 1m30s`},
	{"negative length", "encode in.mov -o x.mp4 --chunk-min -1", "want more than 0 seconds"},
	{"length of NaN", "encode in.mov -o x.mp4 --chunk-max nan", "want more than 0 seconds"},
	{"many at once", "encode in.mov -o x.mp4 --audio mp3 --subtitles burn", "2 settings can't work: --audio: there is no way"},
	{"negative workers", "encode in.mov -o x.mp4 --workers -1", "--workers: a number of workers can't be negative"},
	{"workers of a server", "encode in.mov -o x.mp4 --server http://h --workers 2", `--workers: it has no meaning on the server http://h (leave it out, or add --server "" to encode here)`},
	{"data dir is a file", "encode in.mov -o x.mp4 --data in.mov", "in.mov: is not a directory (name another one: --data DIR)"},
	{"everybody may connect", "serve --listen :8080", "--listen: :8080 can be reached by others"},
	{"no address", "serve --listen 8080", `--listen: "8080" is no address (give HOST:PORT, such as 127.0.0.1:8080)`},
	{"no such service", "serve --only enkoder --listen 127.0.0.1:0", `--only: there is no service "enkoder" (use api, splitter, encoder, muxer)`},
	{"submit without input", "submit", "submit: there is no INPUT"},
	{"get without output", "get 01ABC", "get: there is no OUTPUT"},
	{"s3 without keys", "s3 --data d", "environment: the S3 server's keys are not set"},
}

func TestMistakes(t *testing.T) {
	for _, c := range mistakes {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, strings.Fields(strings.ReplaceAll(c.args, `""`, ""))...)
			if code != exitUser {
				t.Errorf("exit code %d, want %d", code, exitUser)
			}
			if stdout != "" {
				t.Errorf("stdout: %q", stdout)
			}
			if !strings.HasPrefix(stderr, "reweave: ") || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("got  %q\nwant one line with %q", stderr, c.want)
			}
		})
	}
}

func TestMistakesAsJSON(t *testing.T) {
	for _, c := range mistakes {
		if !strings.HasPrefix(c.args, "encode ") {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := run(t, append(strings.Fields(c.args), "--json")...)
			if code != exitUser {
				t.Errorf("exit code %d, want %d", code, exitUser)
			}
			var got map[string]any
			dec := json.NewDecoder(strings.NewReader(stdout))
			if err := dec.Decode(&got); err != nil {
				t.Fatalf("%v in %q", err, stdout)
			}
			if dec.More() {
				t.Errorf("more than one value: %q", stdout)
			}
			if got["id"] != "" || got["state"] != "failed" || got["output"] != "" {
				t.Errorf("got %v", got)
			}
			problem, _ := got["error"].(map[string]any)
			for _, field := range []string{"type", "title", "status", "detail"} {
				if problem[field] == nil {
					t.Errorf("the error has no %s: %v", field, problem)
				}
			}
			if want := "reweave: " + problem["detail"].(string) + "\n"; stderr != want {
				t.Errorf("stderr %q, want %q", stderr, want)
			}
		})
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, stdout, stderr := run(t, "completion", shell); code != 0 || !strings.Contains(stdout, "reweave") {
			t.Errorf("%s: exit code %d, %s", shell, code, stderr)
		}
	}
	code, stdout, _ := run(t, "__complete", "encode", "--codec", "libx")
	if code != 0 || !strings.HasPrefix(stdout, "libx264\nlibx265\n") {
		t.Errorf("codecs complete to %q", stdout)
	}
}

func TestUnreachableServerIsNoMistake(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it would try for a while
	var out, errs bytes.Buffer
	if code := Run(ctx, []string{"ls", "--server", "http://127.0.0.1:1"}, strings.NewReader(""), &out, &errs); code != exitInterrupted {
		t.Errorf("exit code %d, %s", code, &errs)
	}
}
