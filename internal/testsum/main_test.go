package main

import (
	"strings"
	"testing"
)

func TestSummarise(t *testing.T) {
	const pass = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA/sub","Elapsed":0.1}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
`
	for name, c := range map[string]struct {
		in    string
		skips bool
		ok    bool
		says  []string
		last  string
	}{
		"all pass": {
			in: pass + `{"Action":"pass","Package":"p","Elapsed":0.2}`,
			ok: true, says: []string{"pass p (2 tests, 0.2s)"}, last: "2 passed, 0 failed",
		},
		"a test fails": {
			in: pass + `{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"b_test.go:3: no\n"}
{"Action":"fail","Package":"p","Test":"TestB","Elapsed":1}
{"Action":"fail","Package":"p","Elapsed":1}`,
			says: []string{"FAIL: p: TestB (1.00s)\n    b_test.go:3: no\n"}, last: "2 passed, 1 failed",
		},
		"a test is skipped": {
			in:   pass + `{"Action":"output","Package":"p","Test":"TestC","Output":"no ffmpeg\n"}` + "\n" + `{"Action":"skip","Package":"p","Test":"TestC"}`,
			says: []string{"SKIP: p: TestC", "no ffmpeg", "1 skipped"}, last: "2 passed, 0 failed",
		},
		"a test may be skipped": {
			in:    pass + `{"Action":"skip","Package":"p","Test":"TestC"}`,
			skips: true, ok: true, last: "2 passed, 0 failed",
		},
		"a package does not build": {
			in: pass + `{"ImportPath":"q","Action":"build-output","Output":"q.go:1: syntax error\n"}
{"ImportPath":"q","Action":"build-fail"}
{"Action":"output","Package":"q","Output":"FAIL q [build failed]\n"}
{"Action":"fail","Package":"q","Elapsed":0,"FailedBuild":"q"}`,
			says: []string{"q.go:1: syntax error", "FAIL q [build failed]"}, last: "2 passed, 1 failed",
		},
		"a package ends outside of its tests": {
			in: pass + `{"Action":"output","Package":"p","Output":"exit status 3\n"}
{"Action":"fail","Package":"p"}`,
			says: []string{"exit status 3"}, last: "2 passed, 1 failed",
		},
		"a package is cut off": {
			in: `{"Action":"start","Package":"p"}` + "\n" + pass + `{"Action":"run","Package":"p","Test":"TestD"}
{"Action":"output","Package":"p","Test":"TestD","Output":"waiting\n"}`,
			says: []string{"UNFINISHED: p TestD\n    waiting\n"}, last: "2 passed, 1 failed",
		},
		"a package has no tests": {
			in: pass + `{"Action":"skip","Package":"none"}`,
			ok: true, last: "2 passed, 0 failed",
		},
		"no test at all": {
			in:   "go: cannot find main module",
			says: []string{"cannot find main module"}, last: "0 passed, 0 failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			ok, err := summarise(strings.NewReader(c.in), &out, c.skips)
			if err != nil || ok != c.ok {
				t.Errorf("ok %v, %v; want %v", ok, err, c.ok)
			}
			for _, s := range c.says {
				if !strings.Contains(out.String(), s) {
					t.Errorf("does not say %q:\n%s", s, out.String())
				}
			}
			if !strings.HasSuffix("\n"+out.String(), "\n"+c.last+"\n") {
				t.Errorf("does not end with %q:\n%s", c.last, out.String())
			}
		})
	}
}
