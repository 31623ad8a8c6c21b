package tds

import (
	"encoding/binary"
	"fmt"
)

// FeatureID is the id of a feature extension (MS-TDS 2.2.6.4, FeatureExt).
type FeatureID byte

// Feature extensions.
const (
	FeatureSessionRecovery    FeatureID = 0x01
	FeatureFedAuth            FeatureID = 0x02
	FeatureColumnEncryption   FeatureID = 0x04
	FeatureGlobalTransactions FeatureID = 0x05
	FeatureAzureSQLSupport    FeatureID = 0x08
	FeatureDataClassification FeatureID = 0x09
	FeatureUTF8Support        FeatureID = 0x0A
	FeatureAzureDNSCaching    FeatureID = 0x0B
	FeatureJSONSupport        FeatureID = 0x0D
	FeatureVectorSupport      FeatureID = 0x0E
	FeatureEnhancedRouting    FeatureID = 0x0F
	FeatureUserAgent          FeatureID = 0x10

	featureTerminator = 0xFF
)

// maxFeatures bounds the entries of one FeatureExt block: there are far fewer
// ids in use, and a hostile block could hold thousands of empty ones.
const maxFeatures = 64

// decodeFeatures reads a FeatureExt or FEATUREEXTACK list up to its terminator
// and returns the number of bytes it took. Data is copied.
func decodeFeatures(b []byte) ([]Feature, int, error) {
	var fs []Feature
	for i := 0; ; {
		if i >= len(b) {
			return nil, 0, fmt.Errorf("feature list: %w", ErrShort)
		}
		if b[i] == featureTerminator {
			return fs, i + 1, nil
		}
		if i+5 > len(b) {
			return nil, 0, fmt.Errorf("feature list: %w", ErrShort)
		}
		n := binary.LittleEndian.Uint32(b[i+1:])
		if uint64(n) > uint64(len(b)-i-5) {
			return nil, 0, fmt.Errorf("feature 0x%02x of %d bytes: %w", b[i], n, ErrShort)
		}
		if len(fs) == maxFeatures {
			return nil, 0, fmt.Errorf("tds: more than %d feature extensions", maxFeatures)
		}
		fs = append(fs, Feature{FeatureID(b[i]), append([]byte(nil), b[i+5:i+5+int(n)]...)})
		i += 5 + int(n)
	}
}

func appendFeatures(dst []byte, fs []Feature) []byte {
	for _, f := range fs {
		dst = append(dst, byte(f.ID))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(f.Data)))
		dst = append(dst, f.Data...)
	}
	return append(dst, featureTerminator)
}

// FeatureExtAck is a FEATUREEXTACK token (MS-TDS 2.2.7.11).
type FeatureExtAck struct{ Features []Feature }

// Append appends the token with its type byte.
func (a FeatureExtAck) Append(dst []byte) []byte {
	return appendFeatures(append(dst, byte(TokenFeatureExtAck)), a.Features)
}

// DecodeFeatureExtAck reads the body of a FEATUREEXTACK token.
func DecodeFeatureExtAck(body []byte) (FeatureExtAck, error) {
	fs, _, err := decodeFeatures(body)
	return FeatureExtAck{fs}, err
}
