/** A made-up company's logo, as a theme would bring it. */
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 196 48">
<circle cx="24" cy="24" r="20" fill="#ffb347"/><path d="M12 27c6-14 18-14 24 0-6 9-18 9-24 0z" fill="#1a1033"/>
<text x="56" y="33" font-family="Inter,Noto Sans,sans-serif" font-size="26" font-weight="700" fill="#fbf8ff">northlight</text></svg>`;

export const LOGO = `data:image/svg+xml,${encodeURIComponent(SVG)}`;
