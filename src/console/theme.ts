import { computed, effect, signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

const item = 'holdfast.theme'
const kept = localStorage.getItem(item)

/** What the viewer chose. */
export const theme = signal<Theme>(kept === 'light' || kept === 'dark' ? kept : 'system')

const systemIsDark = matchMedia('(prefers-color-scheme: dark)')
const systemTheme = signal(systemIsDark.matches)
systemIsDark.addEventListener('change', () => {
  systemTheme.value = systemIsDark.matches
})

export const isDark = computed(() => (theme.value === 'system' ? systemTheme.value : theme.value === 'dark'))

effect(() => {
  if (theme.value === 'system') localStorage.removeItem(item)
  else localStorage.setItem(item, theme.value)
  document.documentElement.dataset.theme = theme.value
})
