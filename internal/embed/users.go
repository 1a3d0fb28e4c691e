package embed

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
)

// policies say what the key of each service may do in the bucket; deploy/s3 has the same
// files for other S3 servers.
//
//go:embed policies/*.json
var policies embed.FS

// policyBucket is the bucket that the policies name.
const policyBucket = "arn:aws:s3:::reweave"

// User is a key of the S3 server that may do what the policy of one service allows.
type User struct {
	// Service is api, splitter, encoder or muxer.
	Service   string
	AccessKey string
	SecretKey string
}

// accounts are the keys that the server knows: the root's, which may do everything, and
// those of the users. Nobody can change them.
type accounts struct {
	auth.IAMService
	users []User
}

// GetUserAccount finds the account of an access key.
func (a accounts) GetUserAccount(access string) (auth.Account, error) {
	for _, u := range a.users {
		if u.AccessKey == access {
			return auth.Account{Access: u.AccessKey, Secret: u.SecretKey, Role: auth.RoleUser}, nil
		}
	}
	return a.IAMService.GetUserAccount(access)
}

// ResolveAccounts returns those access keys that nobody has.
func (a accounts) ResolveAccounts(keys []string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		_, err := a.GetUserAccount(key)
		return err == nil
	}), nil
}

type statement struct {
	Sid       string          `json:",omitempty"`
	Effect    string          `json:""`
	Principal *principal      `json:",omitempty"`
	Action    []string        `json:""`
	Resource  []string        `json:""`
	Condition json.RawMessage `json:",omitempty"`
}

type principal struct{ AWS []string }

type policy struct {
	Version   string
	Statement []statement
}

// policyOf makes one policy of the bucket out of those of its users, nil without users.
func policyOf(bucket string, users []User) ([]byte, error) {
	if len(users) == 0 {
		return nil, nil
	}
	all := policy{Version: "2012-10-17"}
	for _, u := range users {
		text, err := policies.ReadFile("policies/" + u.Service + ".json")
		if err != nil {
			return nil, fmt.Errorf("there is no policy for the service %q", u.Service)
		}
		var p policy
		if err := json.Unmarshal(text, &p); err != nil {
			return nil, fmt.Errorf("read the policy of %s: %w", u.Service, err)
		}
		for _, s := range p.Statement {
			s.Sid, s.Principal = u.Service+s.Sid, &principal{AWS: []string{u.AccessKey}}
			for i := range s.Resource {
				s.Resource[i] = "arn:aws:s3:::" + bucket + strings.TrimPrefix(s.Resource[i], policyBucket)
			}
			all.Statement = append(all.Statement, s)
		}
	}
	return json.Marshal(all)
}

// GetBucketPolicy returns the policy of the users for their bucket, and no other: what a
// client stores as a policy does not count. Other buckets are the root's alone.
func (g *guard) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	if bucket == g.bucket && len(g.policy) > 0 {
		return g.policy, nil
	}
	return g.Posix.GetBucketPolicy(ctx, bucket)
}

// provide makes the users' bucket, which none of them may make.
func (g *guard) provide(ctx context.Context, root string) error {
	if _, err := os.Stat(g.bucket); err == nil {
		return nil
	}
	acl, err := json.Marshal(auth.ACL{Owner: root})
	if err != nil {
		return err
	}
	owner := auth.Account{Access: root, Role: auth.RoleAdmin}
	ctx = context.WithValue(ctx, "bucket-owner", owner) //nolint:staticcheck,revive // the key that versitygw looks for
	err = g.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: &g.bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{}, ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced,
	}, acl)
	if err != nil {
		return fmt.Errorf("make bucket %s: %w", g.bucket, err)
	}
	return nil
}
