#include "network/safetensors.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

namespace rppg {
namespace {

// Bytes; far more than any header of a model needs. A malicious length is refused.
constexpr std::uint64_t kMaxHeader = 1 << 20;

[[noreturn]] void fail(const std::string& what) { throw std::invalid_argument(what); }

// Whether bytes are valid UTF-8 by RFC 3629: no overlong forms, surrogates or code points too
// large.
bool is_utf8(std::string_view text) {
  std::size_t at = 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  while (at < text.size()) {
    const unsigned char lead = byte(at++);
    if (lead < 0x80) continue;
    if (lead < 0xC2 || lead > 0xF4) return false;
    const std::size_t more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (text.size() - at < more) return false;
    const unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(at) < least || byte(at) > most) return false;
    for (std::size_t i = 1; i < more; ++i)
      if (byte(at + i) < 0x80 || byte(at + i) > 0xBF) return false;
    at += more;
  }
  return true;
}

// A parser for the part of JSON that a safetensors header uses: objects, strings and arrays of
// whole numbers.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  template <typename OnKey>
  void object(OnKey&& on_key) {
    expect('{');
    if (accept('}')) return;
    do {
      const std::string key = string();
      expect(':');
      on_key(key);
    } while (accept(','));
    expect('}');
  }

  std::vector<std::uint64_t> numbers() {
    std::vector<std::uint64_t> values;
    expect('[');
    if (accept(']')) return values;
    do {
      values.push_back(number());
    } while (accept(','));
    expect(']');
    return values;
  }

  std::string string() {
    expect('"');
    std::string value;
    while (true) {
      const unsigned char c = next();
      if (c == '"') return value;
      if (c < 0x20) fail("its header has a control character inside a string");
      if (c == '\\')
        escape(value);
      else
        value += static_cast<char>(c);
    }
  }

  void end() {
    skip_space();  // writers pad the header with spaces
    if (at_ != text_.size()) fail("its header goes on after its end");
  }

 private:
  char next() {
    if (at_ == text_.size()) fail("its header ends too early");
    return text_[at_++];
  }

  void skip_space() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  bool accept(char wanted) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  void expect(char wanted) {
    if (!accept(wanted))
      fail(std::string("its header is not valid JSON: expected '") + wanted + "' at byte " +
           std::to_string(at_));
  }

  std::uint64_t number() {
    skip_space();
    constexpr std::uint64_t kLargest = std::uint64_t{1} << 48;
    std::uint64_t value = 0;
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + static_cast<std::uint64_t>(text_[at_++] - '0');
      if (value > kLargest) fail("its header has an impossibly large number");
    }
    if (at_ == start) fail("its header has no whole number at byte " + std::to_string(at_));
    return value;
  }

  unsigned hex4() {
    unsigned value = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = next();
      value *= 16;
      if (c >= '0' && c <= '9')
        value += static_cast<unsigned>(c - '0');
      else if (c >= 'a' && c <= 'f')
        value += static_cast<unsigned>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F')
        value += static_cast<unsigned>(c - 'A' + 10);
      else
        fail("its header has a broken \\u escape");
    }
    return value;
  }

  void escape(std::string& out) {
    const char c = next();
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        break;
      default:
        fail("its header has an unknown escape");
    }
    unsigned code = hex4();
    if (code >= 0xD800 && code < 0xDC00) {
      if (next() != '\\' || next() != 'u') fail("its header has half a surrogate pair");
      const unsigned low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail("its header has half a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      fail("its header has half a surrogate pair");
    }
    append_utf8(code, out);
  }

  static void append_utf8(unsigned code, std::string& out) {
    const auto byte = [&](unsigned value) { out += static_cast<char>(value); };
    if (code < 0x80) {
      byte(code);
    } else if (code < 0x800) {
      byte(0xC0 | code >> 6);
      byte(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      byte(0xE0 | code >> 12);
      byte(0x80 | (code >> 6 & 0x3F));
      byte(0x80 | (code & 0x3F));
    } else {
      byte(0xF0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3F));
      byte(0x80 | (code >> 6 & 0x3F));
      byte(0x80 | (code & 0x3F));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

struct Entry {
  std::string dtype;
  std::vector<std::uint64_t> shape, offsets;
};

Entry parse_entry(HeaderParser& parser, const std::string& name) {
  Entry entry;
  bool seen_dtype = false, seen_shape = false, seen_offsets = false;
  const auto once = [&](bool& seen, const std::string& field) {
    if (seen) fail("tensor '" + name + "' has '" + field + "' twice");
    seen = true;
  };
  parser.object([&](const std::string& field) {
    if (field == "dtype") {
      once(seen_dtype, field);
      entry.dtype = parser.string();
    } else if (field == "shape") {
      once(seen_shape, field);
      entry.shape = parser.numbers();
    } else if (field == "data_offsets") {
      once(seen_offsets, field);
      entry.offsets = parser.numbers();
    } else {
      fail("tensor '" + name + "' has an unknown field '" + field + "'");
    }
  });
  if (!seen_dtype || !seen_shape || !seen_offsets || entry.offsets.size() != 2)
    fail("tensor '" + name + "' lacks its dtype, shape or pair of offsets");
  return entry;
}

void check_layout(const std::map<std::string, Entry>& entries, std::uint64_t bytes) {
  std::vector<const std::pair<const std::string, Entry>*> order;
  for (const auto& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->second.offsets < b->second.offsets; });
  std::uint64_t at = 0;
  for (const auto* entry : order) {
    const auto& offsets = entry->second.offsets;
    if (offsets[0] != at || offsets[1] < offsets[0])
      fail("tensor '" + entry->first + "' overlaps another or leaves a gap before it");
    at = offsets[1];
  }
  if (at > bytes)
    fail("it is cut off: its tensors need " + std::to_string(at) + " bytes, it holds " +
         std::to_string(bytes));
  if (at < bytes) fail("it has " + std::to_string(bytes - at) + " bytes after its last tensor");
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

}  // namespace

Safetensors parse_safetensors(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  if (size < 8)
    fail("it is too short to be a safetensors file (" + std::to_string(size) + " bytes)");
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | bytes[i];
  if (length > kMaxHeader || length > size - 8)
    fail("it is not a safetensors file, or it is cut off: its header would be " +
         std::to_string(length) + " bytes long");

  const unsigned char* const tensors = bytes + 8 + length;
  const std::string_view header(reinterpret_cast<const char*>(bytes + 8),
                                static_cast<std::size_t>(length));
  if (!is_utf8(header)) fail("its header is not UTF-8");
  HeaderParser parser(header);
  Safetensors file;
  std::map<std::string, Entry> entries;
  bool seen_metadata = false;
  parser.object([&](const std::string& name) {
    if (name == "__metadata__") {
      if (seen_metadata) fail("its header has '__metadata__' twice");
      seen_metadata = true;
      parser.object([&](const std::string& key) {
        if (!file.metadata.emplace(key, parser.string()).second)
          fail("its metadata has '" + key + "' twice");
      });
    } else if (!entries.emplace(name, parse_entry(parser, name)).second) {
      fail("its header has tensor '" + name + "' twice");
    }
  });
  parser.end();
  check_layout(entries, size - 8 - length);
  for (auto& [name, entry] : entries)
    file.tensors[name] = {entry.dtype, entry.shape, tensors + entry.offsets[0],
                          static_cast<std::size_t>(entry.offsets[1] - entry.offsets[0])};
  return file;
}

std::vector<float> read_floats(const Safetensors& file, const ExpectedTensor& expected) {
  const std::string name = "tensor '" + expected.name + "'";
  const auto found = file.tensors.find(expected.name);
  if (found == file.tensors.end()) fail(name + " is missing");
  const Tensor& tensor = found->second;
  if (tensor.dtype != "F32") fail(name + " must be F32, is " + tensor.dtype);
  if (tensor.shape != expected.shape)
    fail(name + " must have shape " + shape_text(expected.shape) + ", has " +
         shape_text(tensor.shape));
  std::size_t count = 1;
  for (const auto extent : expected.shape) count *= extent;
  if (tensor.bytes != count * sizeof(float))
    fail(name + " must span " + std::to_string(count * sizeof(float)) + " bytes, spans " +
         std::to_string(tensor.bytes));
  std::vector<float> values(count);
  std::memcpy(values.data(), tensor.data, tensor.bytes);
  for (const float value : values)
    if (!std::isfinite(value)) fail(name + " has a value that is not finite");
  return values;
}

void check_tensors(const Safetensors& file, const std::vector<ExpectedTensor>& expected) {
  if (file.tensors.size() <= expected.size())
    return;  // read_floats reports a missing tensor by name
  for (const auto& entry : file.tensors) {
    const std::string& name = entry.first;
    if (std::none_of(expected.begin(), expected.end(),
                     [&](const ExpectedTensor& one) { return one.name == name; }))
      fail("unexpected tensor '" + name + "'");
  }
}

const std::string& require_metadata(const Metadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) fail(std::string("its metadata lacks '") + key + "'");
  return found->second;
}

void check_format(const Metadata& metadata, const std::string& format) {
  if (require_metadata(metadata, "format") != format)
    fail("its format is '" + require_metadata(metadata, "format") + "', not '" + format + "'");
  if (require_metadata(metadata, "version") != "1")
    fail("its format version is '" + require_metadata(metadata, "version") +
         "'; this release reads version 1");
}

}  // namespace rppg
