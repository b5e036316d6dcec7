/** Writes the protobuf wire format (protobuf.dev, "Encoding"): as much of it as ONNX needs. */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = [];

  /** A varint field; negative numbers take ten bytes, as int64 does. */
  integer(field: number, value: number | bigint): this {
    this.#varint(field << 3);
    return this.#varint(value);
  }

  float(field: number, value: number): this {
    this.#varint((field << 3) | 5);
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    this.#parts.push(bytes);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint((field << 3) | 2);
    this.#varint(value.length);
    this.#parts.push(value);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value));
  }

  message(field: number, value: ProtobufWriter): this {
    return this.bytes(field, value.finish());
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #varint(value: number | bigint): this {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      bytes.push(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.#parts.push(Uint8Array.from(bytes));
    return this;
  }
}
