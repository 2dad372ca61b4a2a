// The kinds of events, and what they are called.

/** @type {Array<[string, string]>} */
export const CATEGORIES = [
  ["concert", "Concert"], ["sports", "Sports"], ["theatre", "Theatre"], ["comedy", "Comedy"],
  ["festival", "Festival"], ["family", "Family"], ["other", "Other"],
];

const NAMES = new Map(CATEGORIES);

/** @param {string} category */
export const categoryName = (category) => NAMES.get(category) ?? category;
