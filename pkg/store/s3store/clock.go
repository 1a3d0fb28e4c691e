package s3store

import (
	"fmt"
	"net/http"
	"time"
)

// maxSkew is how far this machine's clock and the server's may be apart before a refusal
// is put down to it. S3 allows 15 minutes; an answer may have taken some of them.
const maxSkew = 10 * time.Minute

// The client takes what these headers say for the server's own words.
const (
	codeHeader = "X-Minio-Error-Code"
	descHeader = "X-Minio-Error-Desc"
)

// clocked gives a refusal that comes from clocks apart its name. Every request is signed
// with this machine's time, and the answer to a HEAD has no body to say what is wrong.
type clocked struct {
	http.RoundTripper
	now func() time.Time
}

// RoundTrip implements [http.RoundTripper].
func (c clocked) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := c.RoundTripper.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusForbidden {
		return res, err
	}
	theirs, unknown := http.ParseTime(res.Header.Get("Date"))
	if unknown == nil && c.now().Sub(theirs).Abs() > maxSkew {
		res.Header.Set(codeHeader, "RequestTimeTooSkewed")
		res.Header.Set(descHeader, fmt.Sprintf("by this machine's clock it is %s, by the object store's %s", c.now().UTC().Format(time.DateTime), theirs.Format(time.DateTime)))
	}
	return res, nil
}
