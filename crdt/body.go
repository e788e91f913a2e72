package crdt

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// Bodies are deterministic CBOR (RFC 8949, section 4.2.1): a map with small integer keys, so that later versions can
// add fields that earlier ones keep and ignore. These limits bound what a reader can be made to do.
const (
	maxBodyNesting = 8
	maxBodyItems   = 1024 // items in one array, pairs in one map
)

// encMode and decMode are compiled once; they are immutable and safe for concurrent use.
var encMode, decMode = bodyModes()

func bodyModes() (cbor.EncMode, cbor.DecMode) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic("crdt: " + err.Error())
	}
	dec, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  maxBodyNesting,
		MaxArrayElements: maxBodyItems,
		MaxMapPairs:      maxBodyItems,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		panic("crdt: " + err.Error())
	}
	return enc, dec
}

// EncodeBody returns the deterministic encoding of v, a struct whose fields carry `cbor:"N,keyasint"` tags.
func EncodeBody(v any) []byte {
	b, err := encMode.Marshal(v)
	if err != nil {
		panic("crdt: body cannot be encoded: " + err.Error()) // a body type of ours that CBOR cannot hold
	}
	return b
}

// DecodeBody reads b into v, ignoring fields v does not have. A body that fails is inert: it is kept and forwarded like
// one of an unknown kind, since refusing it would make acceptance depend on bytes that may have been erased elsewhere.
func DecodeBody(b []byte, v any) error {
	if err := CheckBody(b); err != nil {
		return err
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: body: %w", ErrFormat, err)
	}
	return nil
}

// CheckBody reports whether b is one item of deterministic CBOR within the limits: shortest lengths, sorted and unique
// map keys, no indefinite lengths, no tags, valid UTF-8 of at most [MaxTextBytes] a text. Map keys are numbers, bytes or
// text, and no number is below -2⁶³, so that whatever passes has one meaning in every decoder. It allocates nothing
// unless it finds fault.
func CheckBody(b []byte) error {
	rest, err := checkItem(b, 0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: body: %d bytes too many", ErrFormat, len(rest))
	}
	return err
}

// checkItem checks the item at the start of b and returns what follows it.
func checkItem(b []byte, depth int) ([]byte, error) {
	bad := func(what string) ([]byte, error) { return nil, fmt.Errorf("%w: body: %s", ErrFormat, what) }
	if len(b) == 0 {
		return bad("cut short")
	}
	major, info := b[0]>>5, b[0]&31
	if major == 7 {
		switch info {
		case 20, 21, 22: // false, true, null
			return b[1:], nil
		}
		return bad("floating point or simple value")
	}
	n, b, ok := checkLength(b)
	if !ok {
		return bad("length not in shortest form")
	}
	switch major {
	case 0: // integers
		return b, nil
	case 1: // negative integers, -1-n
		if n > math.MaxInt64 {
			return bad("number out of range")
		}
		return b, nil
	case 2, 3: // bytes, text
		if n > uint64(len(b)) {
			return bad("cut short")
		}
		if major == 3 && (n > MaxTextBytes || !utf8.Valid(b[:n])) {
			return bad("text too long or not UTF-8")
		}
		return b[n:], nil
	case 4, 5: // array, map
		if depth+1 >= maxBodyNesting || n > maxBodyItems {
			return bad("too deep or too many items")
		}
		var last []byte
		for range n {
			var err error
			if major == 5 {
				if len(b) > 0 && b[0]>>5 > 3 {
					return bad("map key is not a number, bytes or text")
				}
				key := b
				if b, err = checkItem(b, depth+1); err != nil {
					return nil, err
				}
				key = key[:len(key)-len(b)]
				if last != nil && compareBytes(last, key) >= 0 {
					return bad("map keys not in order")
				}
				last = key
			}
			if b, err = checkItem(b, depth+1); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return bad("tag")
}

// checkLength reads an item's argument and reports whether it was in its shortest form.
func checkLength(b []byte) (n uint64, rest []byte, ok bool) {
	info := b[0] & 31
	b = b[1:]
	if info < 24 {
		return uint64(info), b, true
	}
	width := 1 << (info - 24)
	if info > 27 || len(b) < width {
		return 0, nil, false
	}
	for _, c := range b[:width] {
		n = n<<8 | uint64(c)
	}
	least := uint64(24)
	if width > 1 {
		least = 1 << (4 * width)
	}
	return n, b[width:], n >= least
}

func compareBytes(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}
