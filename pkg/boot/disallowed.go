package boot

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// serviceLink matches what Kubernetes puts into every container for a Service whose
// name begins with reweave-. REWEAVE_X_PORT counts only with the value it gives.
var serviceLink = regexp.MustCompile(
	`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)=` +
		`|_PORT=(tcp|udp|sctp)://` +
		`|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=`)

// checkDisallowed returns an error for every variable under REWEAVE_ that is
// neither known nor another service's.
func checkDisallowed(env map[string]string, known []field, own string) []error {
	names := map[string]bool{}
	for _, f := range known {
		names[f.key()] = true
		if f.secret() {
			names[f.key()+"_FILE"] = true
		}
	}
	foreign := others(own)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !strings.HasPrefix(name, Prefix+"_") || names[name] || serviceLink.MatchString(name+"="+env[name]) {
			continue
		}
		if slices.ContainsFunc(foreign, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		errs = append(errs, unknown(name, names))
	}
	return errs
}

// unknown says that no variable has the name, and which one may be meant.
func unknown(name string, known map[string]bool) error {
	best, distance := "", 4
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if d := edits(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return fmt.Errorf("%s: no such setting", name)
	}
	return fmt.Errorf("%s: no such setting (did you mean %s?)", name, best)
}

// edits is the Levenshtein distance between two names.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
