package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/reweave/reweave/pkg/quota"
)

// LimitsEntry is a line of the file of tokens that says what a tenant may have at once.
type LimitsEntry struct {
	Tenant string `json:"tenant"`
	// Limits is an object with jobs, bytes and slots; what is left out is as it is for
	// every tenant.
	Limits json.RawMessage `json:"limits"`
}

// parseLimits reads a line, and reports whether it is one of limits.
func parseLimits(line string) (l LimitsEntry, ok bool) {
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	return l, dec.Decode(&l) == nil && !dec.More() && l.Limits != nil
}

// check says what is wrong with an entry.
func (l LimitsEntry) check() error {
	if !tenantForm.MatchString(l.Tenant) {
		return fmt.Errorf("%q is no name of a tenant: use up to 63 small letters, digits and hyphens", l.Tenant)
	}
	var said quota.Limits
	if err := decodeLimits(l.Limits, &said); err != nil {
		return fmt.Errorf("the limits of tenant %s: %w", l.Tenant, err)
	}
	return nil
}

// decodeLimits puts what an object of limits says into l.
func decodeLimits(said json.RawMessage, l *quota.Limits) error {
	dec := json.NewDecoder(bytes.NewReader(said))
	dec.DisallowUnknownFields()
	if err := dec.Decode(l); err != nil {
		return errors.New(`want an object such as {"jobs":10,"bytes":1000000000000,"slots":4}; 0 is for any number`)
	}
	if l.Jobs < 0 || l.Bytes < 0 || l.Slots < 0 {
		return errors.New("none may be negative")
	}
	return nil
}
