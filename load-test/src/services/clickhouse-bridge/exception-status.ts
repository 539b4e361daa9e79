/**
 * Which HTTP status goes with an exception of ClickHouse.
 * Source: `exceptionCodeToHTTPStatus` of ClickHouse's own HTTP handler, and `ErrorCodes` for the numbers.
 */
export function statusOf(code: number): number {
  return STATUS_OF_CODE.get(code) ?? 500;
}

const CODES_OF_STATUS: Readonly<Record<number, readonly number[]>> = {
  // REQUIRED_PASSWORD
  401: [194],
  // UNKNOWN_USER, WRONG_PASSWORD, AUTHENTICATION_FAILED
  403: [192, 193, 516],
  // TIMEOUT_EXCEEDED
  408: [159],
  // CANNOT_PARSE_TEXT, …_ESCAPE_SEQUENCE, …_QUOTED_STRING, …_INPUT_ASSERTION_FAILED, …_DATE, …_DATETIME, …_NUMBER,
  // …_DOMAIN_VALUE, …_UUID, …_BOOL; SYNTAX_ERROR, UNEXPECTED_AST_STRUCTURE, TYPE_MISMATCH, INCORRECT_DATA,
  // UNKNOWN_ELEMENT_IN_AST, ILLEGAL_TYPE_OF_ARGUMENT, NUMBER_OF_ARGUMENTS_DOESNT_MATCH, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE,
  // UNKNOWN_FUNCTION, UNKNOWN_IDENTIFIER, UNKNOWN_TYPE, UNKNOWN_FORMAT, UNKNOWN_SETTING
  400: [
    6, 25, 26, 27, 38, 41, 62, 72, 47, 46, 50, 73, 115, 43, 42, 53, 117, 141, 321, 376, 427, 456, 69, 467,
  ],
  // UNKNOWN_TABLE, UNKNOWN_DATABASE
  404: [60, 81],
  // NOT_IMPLEMENTED
  501: [48],
  // TOO_MANY_SIMULTANEOUS_QUERIES
  503: [202],
};

const STATUS_OF_CODE = new Map(
  Object.entries(CODES_OF_STATUS).flatMap(([status, codes]) =>
    codes.map((code) => [code, Number(status)] as const),
  ),
);
