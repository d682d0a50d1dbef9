// The library registers its parts by decorators, which need this at run time.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

const KEYS = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 3_600_000;

/** A certificate with its key, both PEM. */
export interface Issued {
  cert: string;
  key: string;
}

export interface CertificateRequest {
  commonName: string;
  /** DNS names; `localhost` and 127.0.0.1 are always among them. */
  dns?: readonly string[];
  /** Ended already. */
  expired?: boolean;
}

/** An authority that exists for one test. */
export class CertificateAuthority {
  private constructor(
    private readonly keys: webcrypto.CryptoKeyPair,
    private readonly certificate: X509Certificate,
  ) {}

  static async create(commonName = "Test authority"): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      name: `CN=${commonName}`,
      keys,
      signingAlgorithm: KEYS,
      notBefore: new Date(Date.now() - HOUR_MS),
      notAfter: new Date(Date.now() + HOUR_MS),
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return new CertificateAuthority(keys, certificate);
  }

  /** Its own certificate, PEM. */
  get cert(): string {
    return this.certificate.toString("pem");
  }

  async issue({ commonName, dns = [], expired = false }: CertificateRequest): Promise<Issued> {
    const keys = await newKeys();
    const now = Date.now();
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${commonName}`,
      issuer: this.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: KEYS,
      notBefore: new Date(now - HOUR_MS),
      notAfter: new Date(expired ? now - HOUR_MS / 2 : now + HOUR_MS),
      extensions: [
        new SubjectAlternativeNameExtension([
          ...["localhost", ...dns].map((value) => ({ type: "dns" as const, value })),
          { type: "ip", value: "127.0.0.1" },
        ]),
      ],
    });
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
    const lines = pkcs8.match(/.{1,64}/g)?.join("\n");
    return {
      cert: certificate.toString("pem"),
      key: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
    };
  }
}

const newKeys = () => webcrypto.subtle.generateKey(KEYS, true, ["sign", "verify"]);
