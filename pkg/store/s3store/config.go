package s3store

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/reweave/reweave/pkg/fault"
)

// Config says which bucket of which server the store uses. Read with the prefix
// REWEAVE, its variables are REWEAVE_S3_ENDPOINT and so on.
type Config struct {
	Endpoint       string `envconfig:"S3_ENDPOINT" default:"http://127.0.0.1:9000" desc:"URL of the S3 server, http:// or https://, without a path"`
	AccessKey      string `envconfig:"S3_ACCESS_KEY" desc:"access key of the S3 server"`
	SecretKey      string `envconfig:"S3_SECRET_KEY" secret:"true" desc:"secret key of the S3 server"`
	Bucket         string `envconfig:"S3_BUCKET" default:"reweave" desc:"bucket for all media; created when it is absent"`
	Region         string `envconfig:"S3_REGION" default:"us-east-1" desc:"region that requests are signed for"`
	Prefix         string `envconfig:"S3_PREFIX" desc:"what every object key in the bucket begins with, such as team-a/"`
	CA             string `envconfig:"S3_CA" desc:"PEM file of the authority that signed the S3 server's certificate, when the system doesn't know it"`
	PublicEndpoint string `envconfig:"S3_PUBLIC_ENDPOINT" desc:"URL of the S3 server as browsers reach it, put into presigned URLs (default: S3_ENDPOINT)"`
}

// withDefaults returns the configuration with the defaults of the empty fields.
func (c Config) withDefaults() Config {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.Endpoint, "http://127.0.0.1:9000")
	set(&c.Bucket, "reweave")
	set(&c.Region, "us-east-1")
	set(&c.PublicEndpoint, c.Endpoint)
	return c
}

// client makes a client of the server at endpoint. It does not speak to it.
func (c Config) client(setting, endpoint string) (*minio.Core, error) {
	return c.clientAt(setting, endpoint, time.Now)
}

// clientAt makes a client that compares the server's time with now.
func (c Config) clientAt(setting, endpoint string, now func() time.Time) (*minio.Core, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" {
		return nil, fault.Userf("invalid-setting", setting, fmt.Sprintf("%q is not the URL of an S3 server", endpoint),
			"give http://HOST:PORT or https://HOST:PORT, without a path")
	}
	transport, err := minio.DefaultTransport(u.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("make S3 transport: %w", err)
	}
	transport.ResponseHeaderTimeout = 0 // it is watched
	if c.CA != "" {
		var pool *x509.CertPool
		if pool, err = authorities(c.CA); err != nil {
			return nil, err
		}
		if transport.TLSClientConfig != nil {
			transport.TLSClientConfig.RootCAs = pool
		}
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:     credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""),
		Secure:    u.Scheme == "https",
		Transport: clocked{watched{transport}, now},
		Region:    c.Region,
		// Checksums travel behind the body, so that uploads stream and are checked.
		TrailingHeaders: true,
		MaxRetries:      attempts,
	})
	if err != nil {
		return nil, fault.Userf("invalid-setting", setting, err.Error(), "give http://HOST:PORT or https://HOST:PORT, without a path")
	}
	return core, nil
}

func authorities(file string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.Userf("invalid-setting", "REWEAVE_S3_CA", err.Error(), "give a readable PEM file")
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.Userf("invalid-setting", "REWEAVE_S3_CA", file+" holds no PEM certificate", "give the authority's certificate, not its key")
	}
	return pool, nil
}
