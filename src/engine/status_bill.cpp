#include "engine/status_bill.h"

#include <cstring>
#include <new>

#include "base/assert.h"
#include "model/status_limits.h"

namespace hf {
namespace {

// The fields as they lie in a Bill: name, kind, value.
class PackedFields final : public FieldSource {
 public:
  explicit PackedFields(std::string_view bytes) : bytes_(bytes) {}
  std::optional<FieldValue> field(std::string_view name) const override {
    std::optional<FieldValue> found;
    each(bytes_, [&](std::string_view field_name, const FieldValue& value) {
      if (!found && field_name == name) found = value;
    });
    return found;
  }
  template <class F>
  static void each(std::string_view bytes, F&& f) {
    ByteReader r(bytes);
    while (!r.at_end()) {
      const std::string_view name = r.text();
      const bool is_text = r.u8() != 0;
      const FieldValue value = is_text ? FieldValue(r.text()) : FieldValue(r.i64());
      if (!r.ok()) return;
      f(name, value);
    }
  }

 private:
  std::string_view bytes_;
};

}  // namespace

bool bill_texts(const StatusEvent& event, Bill::Texts& texts, std::string& keep) {
  if (event.state.size() > status_fields_max) return false;
  std::size_t size = 0;
  for (const std::string* text :
       {&event.type, &event.id, &event.no, &event.creator.user, &event.creator.name, &event.handler.user,
        &event.handler.name, &event.owner.user, &event.owner.name, &event.actor.user, &event.actor.name,
        &event.department, &event.action, &event.reason, &event.title, &event.partner, &event.amount, &event.cause})
    size += text->size();
  for (const BillField& field : event.state) {
    size += field.name.size() + (field.value.index() == 0 ? 8 : std::get<1>(field.value).size());
  }
  if (size > status_event_bytes_max) return false;
  keep.clear();
  keep.append(event.type).append(1, ':').append(event.id);
  const std::size_t key_size = keep.size();
  ByteWriter w(keep);
  for (const BillField& field : event.state) {
    w.text(field.name);
    w.u8(static_cast<std::uint8_t>(field.value.index()));
    if (field.value.index() == 0) {
      w.i64(std::get<0>(field.value));
    } else {
      w.text(std::get<1>(field.value));
    }
  }
  texts = {std::string_view(keep).substr(0, key_size),
           event.no,
           event.creator.user,
           event.creator.name,
           event.handler.user,
           event.handler.name,
           event.owner.user,
           event.owner.name,
           event.actor.user,
           event.actor.name,
           event.department,
           event.action,
           event.reason,
           event.title,
           event.partner,
           event.amount,
           event.cause,
           std::string_view(keep).substr(key_size)};
  return true;
}

BillPtr Bill::make(const Catalog& catalog, const Stamp& stamp, const Texts& texts) {
  std::size_t size = 0;
  for (const std::string_view each : texts) size += each.size();
  HF_ASSERT(size <= UINT16_MAX);
  Bill* const bill = new (::operator new(sizeof(Bill) + size)) Bill();
  BillPtr made(bill);
  bill->stamp_ = stamp;
  char* at = reinterpret_cast<char*>(bill + 1);
  std::size_t end = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].empty()) std::memcpy(at + end, texts[i].data(), texts[i].size());
    end += texts[i].size();
    bill->ends_[i] = static_cast<std::uint16_t>(end);
  }
  bill->type_bytes_ = static_cast<std::uint16_t>(texts[key].find(':'));
  const catalog::Type* const type = catalog.find_type(bill->type());
  if (type == nullptr) return made;
  bill->type_ = catalog.index_of(*type);
  const PackedFields values(bill->text(fields));
  bill->closed_ = catalog.closes(*type, values);
  if (stamp.deleted || stamp.left) return made;
  for (std::size_t i = 0; i < type->groups.size(); ++i) {
    if (catalog.content().groups[type->groups[i]].when.evaluate(values)) bill->groups_ |= std::uint32_t{1} << i;
  }
  return made;
}

BillPtr Bill::moved(const Catalog& catalog, const Bill& bill, const Stamp& stamp) {
  return make(catalog, stamp, bill.texts());
}

std::string_view Bill::text(Text which) const noexcept {
  const std::size_t from = which == 0 ? 0 : ends_[which - 1u];
  return {begin() + from, ends_[which] - from};
}

Bill::Texts Bill::texts() const noexcept {
  Texts all;
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = text(static_cast<Text>(i));
  return all;
}

std::vector<BillField> Bill::state() const {
  std::vector<BillField> made;
  PackedFields::each(text(fields), [&](std::string_view name, const FieldValue& value) {
    BillField& field = made.emplace_back();
    field.name = name;
    if (value.index() == 0) {
      field.value = std::get<0>(value);
    } else {
      field.value = std::string(std::get<1>(value));
    }
  });
  return made;
}

bool Bill::same_content(const Texts& other, bool deleted, std::optional<Wall> at) const noexcept {
  return texts() == other && stamp_.deleted == deleted && stamp_.timed == at.has_value() && (!at || stamp_.at == *at);
}

void Bill::write(ByteWriter& w) const {
  w.varint(stamp_.offset);
  w.varint(stamp_.born);
  w.varint(stamp_.version);
  w.i64(to_us(stamp_.at));
  w.i64(to_us(stamp_.logged));
  w.u8(static_cast<std::uint8_t>((stamp_.unordered ? 1 : 0) | (stamp_.timed ? 2 : 0) | (stamp_.deleted ? 4 : 0) |
                                 (stamp_.left ? 8 : 0) | (stamp_.anew ? 16 : 0)));
  for (std::size_t i = 0; i < text_count; ++i) w.text(text(static_cast<Text>(i)));
}

BillPtr Bill::read(const Catalog& catalog, ByteReader& r) {
  Stamp stamp;
  stamp.offset = r.varint();
  stamp.born = r.varint();
  stamp.version = r.varint();
  stamp.at = wall_us(r.i64());
  stamp.logged = instant_us(r.i64());
  const std::uint8_t flags = r.u8();
  stamp.unordered = (flags & 1) != 0;
  stamp.timed = (flags & 2) != 0;
  stamp.deleted = (flags & 4) != 0;
  stamp.left = (flags & 8) != 0;
  stamp.anew = (flags & 16) != 0;
  Texts texts;
  std::size_t size = 0;
  for (std::string_view& text : texts) size += (text = r.text()).size();
  if (!r.ok() || flags > 31 || size > UINT16_MAX || texts[key].find(':') == std::string_view::npos) return nullptr;
  return make(catalog, stamp, texts);
}

}  // namespace hf
