#include "tests/proxy/authority.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <fstream>
#include <sstream>

namespace hf::test {
namespace {

constexpr long day_s = 24L * 3600;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(BIO* file) const { BIO_free(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

Key new_key() { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")); }

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free> extension(X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()));
  ASSERT_NE(extension, nullptr) << value;
  ASSERT_EQ(X509_add_ext(certificate, extension.get(), -1), 1);
}

// A certificate of `key`, not signed yet.
Certificate new_certificate(const std::string& name, EVP_PKEY* key, long serial, Authority::Days days) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), days.from * day_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days.to * day_s);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

void sign_by(X509* certificate, X509* issuer, EVP_PKEY* key) {
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  extend(certificate, issuer, NID_subject_key_identifier, "hash");
  extend(certificate, issuer, NID_authority_key_identifier, "keyid");
  ASSERT_GT(X509_sign(certificate, key, EVP_sha256()), 0);
}

void write_certificate(const std::string& path, X509* certificate) {
  const std::unique_ptr<BIO, Free> file(BIO_new_file(path.c_str(), "w"));
  ASSERT_EQ(PEM_write_bio_X509(file.get(), certificate), 1) << path;
}

void write_key(const std::string& path, EVP_PKEY* key) {
  const std::unique_ptr<BIO, Free> file(BIO_new_file(path.c_str(), "w"));
  ASSERT_EQ(PEM_write_bio_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr), 1) << path;
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

struct Authority::Keys {
  Key key = new_key();
  Certificate certificate = new_certificate("An authority of a test", key.get(), 1, {-10, 10});
};

Authority::Authority() : keys_(std::make_unique<Keys>()) {
  X509* const own = keys_->certificate.get();
  extend(own, own, NID_basic_constraints, "critical,CA:TRUE");
  extend(own, own, NID_key_usage, "critical,keyCertSign");
  sign_by(own, own, keys_->key.get());
  write_certificate(ca_file(), own);
}
Authority::~Authority() = default;

ServerCertificate Authority::sign(const std::string& names, Days days) {
  const std::string path = directory_.path() + "/server" + std::to_string(++signed_);
  const ServerCertificate files{path + ".pem", path + ".key", path + ".both", {}};
  const Key key = new_key();
  const Certificate certificate = new_certificate("A server of a test", key.get(), 1 + signed_, days);
  extend(certificate.get(), keys_->certificate.get(), NID_subject_alt_name, names);
  extend(certificate.get(), keys_->certificate.get(), NID_ext_key_usage, "serverAuth");
  sign_by(certificate.get(), keys_->certificate.get(), keys_->key.get());
  write_certificate(files.certificate, certificate.get());
  write_key(files.key, key.get());
  std::ofstream(files.both) << text_of(files.certificate) << text_of(files.key);
  return files;
}

}  // namespace hf::test
