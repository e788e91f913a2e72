package pake

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/gtank/ristretto255"
)

// Sizes in bytes.
const (
	TagSize    = sha512.Size
	MessageMax = 1 + elementSize + 2 + dataMax

	elementSize = 32
	dataMax     = 1 << 10 // associated data in one message
)

// Names of the suite in the draft, section 8.3.
const (
	nameGenerator = "CPaceRistretto255"
	nameKey       = "CPaceRistretto255_ISK"
	nameMAC       = "CPaceMac"
)

// Errors of a run. Either means that there is no key and the run is over.
var (
	ErrMessage = errors.New("pake: bad message")
	ErrTag     = errors.New("pake: the secrets are not the same") // or somebody stands between the two
)

// A Run is what one side knows before it: all but Data must be the same on both.
type Run struct {
	Password []byte
	Channel  []byte // who speaks with whom, the initiator first; CI in the draft
	Session  []byte // of this run alone; sid
	Data     []byte // this side's own, at most 1 KiB, sent openly; AD
}

// An Initiator has sent its message and waits for the other one.
type Initiator struct {
	run    Run
	scalar *ristretto255.Scalar
	sent   []byte
}

// Start begins a run and returns the first message.
func Start(r Run) (*Initiator, []byte, error) {
	y, err := randomScalar()
	if err != nil {
		return nil, nil, err
	}
	return start(r, y)
}

func start(r Run, y *ristretto255.Scalar) (*Initiator, []byte, error) {
	if len(r.Data) > dataMax {
		return nil, nil, fmt.Errorf("pake: %d bytes of data, at most %d", len(r.Data), dataMax)
	}
	sent := r.message(y)
	return &Initiator{r, y, sent}, append([]byte(nil), sent...), nil
}

// Finish takes the responder's message and returns the keys. The other side is not known to have the same until its tag
// was checked.
func (i *Initiator) Finish(message []byte) (*Keys, error) {
	theirs, data, err := parseMessage(message)
	if err != nil {
		return nil, err
	}
	k, err := i.run.agree(i.scalar, theirs, i.sent, message)
	if err != nil {
		return nil, err
	}
	k.own, k.theirs, k.Data = k.tag(i.sent), k.tag(message), data
	return k, nil
}

// Respond takes the initiator's message and returns the answer to it and the keys. The other side is not known to have
// the same until its tag was checked.
func Respond(r Run, message []byte) (*Keys, []byte, error) {
	y, err := randomScalar()
	if err != nil {
		return nil, nil, err
	}
	return respond(r, y, message)
}

func respond(r Run, y *ristretto255.Scalar, message []byte) (*Keys, []byte, error) {
	if len(r.Data) > dataMax {
		return nil, nil, fmt.Errorf("pake: %d bytes of data, at most %d", len(r.Data), dataMax)
	}
	theirs, data, err := parseMessage(message)
	if err != nil {
		return nil, nil, err
	}
	sent := r.message(y)
	k, err := r.agree(y, theirs, message, sent)
	if err != nil {
		return nil, nil, err
	}
	k.own, k.theirs, k.Data = k.tag(sent), k.tag(message), data
	return k, sent, nil
}

// Keys are the outcome of a run.
type Keys struct {
	Data []byte // the other side's; to be believed once its tag was checked

	isk, mac    []byte
	own, theirs []byte // tags
}

// Tag returns what proves to the other side that this one has the same keys.
func (k *Keys) Tag() []byte { return append([]byte(nil), k.own...) }

// Check returns [ErrTag] unless tag is the other side's.
func (k *Keys) Check(tag []byte) error {
	if subtle.ConstantTimeCompare(tag, k.theirs)&^subtle.ConstantTimeCompare(k.own, k.theirs) != 1 {
		return ErrTag
	}
	return nil
}

// Derive returns a key for one use, named with a version such as "muster/words/v1". It is to be used only after Check.
func (k *Keys) Derive(use string) ([32]byte, error) {
	b, err := hkdf.Key(sha512.New, k.isk, nil, use, 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("derive %s: %w", use, err)
	}
	return [32]byte(b), nil
}

// tag is a side's tag over the message it has sent.
func (k *Keys) tag(message []byte) []byte {
	m := hmac.New(sha512.New, k.mac)
	m.Write(message) // never fails: hash.Hash
	return m.Sum(nil)
}

// message is the message of a side whose secret is y.
func (r Run) message(y *ristretto255.Scalar) []byte {
	public := ristretto255.NewElement().ScalarMult(y, r.generator())
	return lv(public.Encode(nil), r.Data)
}

// generator maps the password, the channel and the session to an element whose logarithm nobody knows.
func (r Run) generator() *ristretto255.Element {
	sum := sha512.Sum512(r.generatorText())
	return ristretto255.NewElement().FromUniformBytes(sum[:])
}

// generatorText is generator_string of the draft: the password is alone in the first block of the hash.
func (r Run) generatorText() []byte {
	pad := max(0, sha512.BlockSize-1-len(lv(r.Password))-len(lv([]byte(nameGenerator))))
	return lv([]byte(nameGenerator), r.Password, make([]byte, pad), r.Channel, r.Session)
}

// agree computes the keys from the shared element and both messages, in the order of the roles.
func (r Run) agree(y *ristretto255.Scalar, theirs *ristretto255.Element, first, second []byte) (*Keys, error) {
	shared := ristretto255.NewElement().ScalarMult(y, theirs)
	if shared.Equal(ristretto255.NewElement()) == 1 {
		return nil, fmt.Errorf("%w: neutral element", ErrMessage)
	}
	text := lv([]byte(nameKey), r.Session, shared.Encode(nil))
	isk := sha512.Sum512(append(append(text, first...), second...))
	mac := sha512.Sum512(append(append([]byte(nameMAC), r.Session...), isk[:]...))
	return &Keys{isk: isk[:], mac: mac[:]}, nil
}

// parseMessage reads a message in its one form: anything else would let two texts mean the same.
func parseMessage(b []byte) (*ristretto255.Element, []byte, error) {
	if len(b) < 1+elementSize+1 || len(b) > MessageMax || b[0] != elementSize {
		return nil, nil, fmt.Errorf("%w: %d bytes", ErrMessage, len(b))
	}
	public, rest := b[1:1+elementSize], b[1+elementSize:]
	n, head := int(rest[0]&0x7f), 1
	if rest[0] >= 0x80 {
		if len(rest) < 2 || rest[1] == 0 || rest[1] >= 0x80 {
			return nil, nil, fmt.Errorf("%w: length of the data", ErrMessage)
		}
		n, head = n|int(rest[1])<<7, 2
	}
	if n > dataMax || len(rest) != head+n {
		return nil, nil, fmt.Errorf("%w: length of the data", ErrMessage)
	}
	e := ristretto255.NewElement()
	if err := e.Decode(public); err != nil {
		return nil, nil, fmt.Errorf("%w: not an element", ErrMessage)
	}
	if e.Equal(ristretto255.NewElement()) == 1 {
		return nil, nil, fmt.Errorf("%w: neutral element", ErrMessage)
	}
	return e, append([]byte(nil), rest[head:]...), nil
}

// lv puts its length before each of texts, and joins them: lv_cat of the draft.
func lv(texts ...[]byte) []byte {
	var out []byte
	for _, t := range texts {
		n := len(t)
		for ; n >= 0x80; n >>= 7 {
			out = append(out, byte(n)|0x80)
		}
		out = append(append(out, byte(n)), t...)
	}
	return out
}

// randomScalar draws a secret: 64 bytes reduced modulo the order of the group are as good as uniform.
func randomScalar() (*ristretto255.Scalar, error) {
	var b [64]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, fmt.Errorf("pake: %w", err)
	}
	return ristretto255.NewScalar().FromUniformBytes(b[:]), nil
}
