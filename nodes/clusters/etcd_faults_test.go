package clusters

import (
	"context"
	"errors"
	"fmt"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/etcdstore"
)

// faultyKV loses the answers of transactions while it is told to.
type faultyKV struct {
	clientv3.KV
	lose bool
	sent int
}

type faultyTxn struct {
	clientv3.Txn
	kv *faultyKV
}

func (k *faultyKV) Txn(ctx context.Context) clientv3.Txn { return &faultyTxn{k.KV.Txn(ctx), k} }

func (x *faultyTxn) If(cs ...clientv3.Cmp) clientv3.Txn {
	return &faultyTxn{x.Txn.If(cs...), x.kv}
}

func (x *faultyTxn) Then(ops ...clientv3.Op) clientv3.Txn {
	return &faultyTxn{x.Txn.Then(ops...), x.kv}
}

var errLost = errors.New("the answer was lost")

func (x *faultyTxn) Commit() (*clientv3.TxnResponse, error) {
	x.kv.sent++
	r, err := x.Txn.Commit()
	if x.kv.lose {
		return nil, errLost
	}
	return r, err
}

// TestEtcdAnswerLost checks that a transaction whose answer is lost is sent once, and
// that its error says neither that it happened nor that it did not.
func TestEtcdAnswerLost(t *testing.T) {
	c := startCluster(t, etcd, 1)
	c.store(t, "p") // waits until the member serves
	kv := &faultyKV{KV: c.one.(etcdClient).KV}
	s, err := etcdstore.New(t.Context(), kv, etcdstore.Config{Prefix: "p/"})
	if err != nil {
		t.Fatal(err)
	}
	kv.lose, kv.sent = true, 0
	err = s.Save(t.Context(), "k", 0, authn.Record{Value: []byte("v"), Version: 7})
	wantLost(t, err, kv.sent)
	if r, err := s.Load(t.Context(), "k"); err != nil || r.Version != 7 {
		t.Errorf("the record is %+v, %v", r, err)
	}
	if _, err := etcdstore.New(t.Context(), kv, etcdstore.Config{}); !errors.Is(err, etcdstore.ErrProbe) || !errors.Is(err, errLost) {
		t.Errorf("New: %v", err)
	}
}

func wantLost(t *testing.T, err error, sent int) {
	t.Helper()
	if !errors.Is(err, errLost) || errors.Is(err, authn.ErrConflict) || errors.Is(err, authn.ErrNotFound) || sent != 1 {
		t.Errorf("sent %d times: %v", sent, err)
	}
}

// TestEtcdKeysPages lists more records with the same first character than come in one
// answer.
func TestEtcdKeysPages(t *testing.T) {
	c := startCluster(t, etcd, 1)
	s := c.store(t, "p")
	kv := c.one.(etcdClient).KV
	const n, at = 1200, 100 // at once
	for i := 0; i < n; i += at {
		var ops []clientv3.Op
		for j := range at {
			ops = append(ops, clientv3.OpPut(fmt.Sprintf("p/r/k%04d", i+j), "v"))
		}
		if _, err := kv.Txn(t.Context()).Then(ops...).Commit(); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for key, err := range s.(authn.Lister).Keys(t.Context()) {
		if err != nil || seen[key] {
			t.Fatal(key, err)
		}
		seen[key] = true
	}
	if len(seen) != n {
		t.Errorf("%d keys, want %d", len(seen), n)
	}
}
