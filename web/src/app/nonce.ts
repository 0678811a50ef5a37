/** The nonce under which the policy of this page takes style elements; the server writes a new one for each page. */
export function nonce(): string {
  const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]');
  return meta?.nonce ?? "";
}
