import { type Theme, theme } from '../theme.js'
import './theme-choice.css'

const choices: readonly { theme: Theme; name: string; icon: string }[] = [
  {
    theme: 'light',
    name: 'Light',
    icon: 'M8 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  },
  { theme: 'system', name: 'As the system', icon: 'M2 3h12v8H2zM6 14h4M8 11v3' },
  { theme: 'dark', name: 'Dark', icon: 'M13.5 9.5A6 6 0 0 1 6.5 2.5 6 6 0 1 0 13.5 9.5z' },
]

export function ThemeChoice() {
  return (
    <fieldset class="theme-choice">
      <legend class="visually-hidden">Colours</legend>
      {choices.map((choice) => (
        <label key={choice.theme} title={choice.name}>
          <input
            type="radio"
            name="theme"
            value={choice.theme}
            checked={theme.value === choice.theme}
            onChange={() => {
              theme.value = choice.theme
            }}
          />
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d={choice.icon} />
          </svg>
          <span class="visually-hidden">{choice.name}</span>
        </label>
      ))}
    </fieldset>
  )
}
